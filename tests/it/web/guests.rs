//! A module that sends web requests, from its call to the answer in chat.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::Method;
use secrecy::SecretString;
use tests::guests;

use twitchy::domain::effect::{Committed, Effect, SecretEffect, StorageEffect};
use twitchy::domain::id::{InvocationId, Origin};
use twitchy::domain::manifest::Manifest;
use twitchy::domain::trace::Step;
use twitchy::sandbox::call::{Call, InvokeError};
use twitchy::sandbox::calls::error::HostCallError;
use twitchy::sandbox::calls::http::requests::Requests;
use twitchy::sandbox::calls::http::send;
use twitchy::sandbox::calls::transaction::Transaction;
use twitchy::sandbox::web::request::SendRequestError;
use twitchy::store::Store;
use twitchy::testing;
use twitchy::vault::SecretId;

use super::internet::{API, Heard, Internet, OTHER, ok, read_request, redirect, request, say};
use crate::limits::NEVER;
use crate::sandbox::fixture::{Fixture, SHOP, Terms, text};

const URL: &str = "https://api.example.com/";

async fn begin(internet: &Arc<Internet>) -> (Fixture, Arc<Manifest>) {
    let fixture = Fixture::with(Terms { web: Some(internet.patient_client()), ..Terms::default() }).await;
    let manifest = fixture.add(guests::FETCHES).await;
    (fixture, manifest)
}

fn call(fixture: &Fixture, manifest: &Arc<Manifest>, command: &str, arguments: &[&str]) -> Call {
    fixture.change_call(manifest, |invocation| {
        invocation.command = command.into();
        invocation.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    })
}

async fn commit(store: &Store, id: &str, effect: Effect) {
    let commit = testing::commit(SHOP, id, vec![effect]);
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}

async fn enter_token(fixture: &Fixture, token: &str) {
    let module = "fetches".parse().unwrap();
    let place = SecretId { channel: SHOP, module: &module, key: "token" };
    let sealed = fixture.ground.sealer.seal(place, &SecretString::from(token)).unwrap();
    let effect = Effect::Secret(module.clone(), SecretEffect::Change { key: "token".to_owned(), sealed: Some(sealed) });
    commit(&fixture.world.store, "enters the token", effect).await;
}

#[tokio::test]
async fn a_module_asks_within_its_grants_and_the_bot_lives_on() {
    let internet = Internet::new();
    let (fixture, manifest) = begin(&internet).await;
    internet.answer(API, ok("hello"));
    internet.answer(OTHER, redirect(302, "https://stranger.example.com/"));
    let urls = [URL, "https://other.example.com/", "http://api.example.com/", "https://127.0.0.1/"];
    let answer = text(fixture.sandbox.invoke(call(&fixture, &manifest, "fetch", &urls)).await);
    assert!(answer.starts_with("200 hello, HttpError::NotGranted(\"stranger.example.com\"), "), "{answer}");
    assert_eq!(answer.matches("HttpError::InvalidRequest").count(), 2, "{answer}");
    let metrics = fixture.world.telemetry.metrics.render(Vec::new());
    for counted in [
        "twitchy_web_requests_total{outcome=\"answered\"} 1",
        "twitchy_web_requests_total{outcome=\"not_granted\"} 1",
        "twitchy_web_requests_total{outcome=\"invalid_request\"} 2",
        "twitchy_web_request_seconds_count 1",
    ] {
        assert!(metrics.lines().any(|line| line == counted), "{counted}: {metrics}");
    }
    fixture.answers_balance().await;
}

#[tokio::test]
async fn a_trace_shows_each_request_to_the_web() {
    let internet = Internet::new();
    let (fixture, manifest) = begin(&internet).await;
    internet.answer(API, ok("hello"));
    let (call, traces) = (call(&fixture, &manifest, "fetch", &[URL]), Arc::default());
    fixture.sandbox.invoke(fixture.traced(call, &traces)).await.unwrap();
    assert!(traces.take()[0].contains(&Step::Request));
}

#[tokio::test]
async fn a_host_that_is_declared_but_not_granted_is_not_asked() {
    let internet = Internet::new();
    let (fixture, manifest) = begin(&internet).await;
    let mut call = call(&fixture, &manifest, "fetch", &[URL]);
    call.grants.http_hosts = vec![OTHER.to_owned(), "stranger.example.com".to_owned()];
    assert_eq!(text(fixture.sandbox.invoke(call.clone()).await), "HttpError::NotGranted(\"api.example.com\")");
    // This host was granted to an older version, and the current one does not declare it.
    Arc::make_mut(&mut call.invocation).arguments = vec!["https://stranger.example.com/".to_owned()];
    assert_eq!(text(fixture.sandbox.invoke(call).await), "HttpError::NotGranted(\"stranger.example.com\")");
    assert_eq!(internet.lookups(), 0);
}

#[tokio::test]
async fn an_invocation_asks_so_often_and_for_so_much() {
    let internet = Internet::new();
    let (fixture, manifest) = begin(&internet).await;
    let heard = internet.answer(API, ok("hello"));
    let answer = text(fixture.sandbox.invoke(call(&fixture, &manifest, "fetch", &[URL; 5])).await);
    assert_eq!(answer, "200 hello, 200 hello, 200 hello, 200 hello, HttpError::OverBudget");
    assert_eq!(heard.list().len(), 4);
    // Each answer alone is within the limit, but not all together. An answer that is too large counts as well.
    let (too_large, over) = (Err(SendRequestError::TooLarge), Err(SendRequestError::OverBudget));
    for (kib, expected) in [
        (200, [Ok(200), Ok(200), too_large.clone(), over.clone()]),
        (300, [too_large.clone(), too_large, over.clone(), over]),
    ] {
        internet.answer(API, ok(&"a".repeat(kib << 10)));
        let mut run = Transaction::new(Arc::clone(&fixture.world), Arc::new(call(&fixture, &manifest, "fetch", &[])));
        for expected in expected {
            let mut asked = request(Method::GET, URL);
            asked.headers.clear();
            let sent = send(&mut run, asked).await.map(|response| response.status).map_err(told);
            assert_eq!(sent, expected, "{kib} KiB");
        }
    }
}

#[tokio::test]
async fn what_a_redirect_makes_the_host_send_again_counts() {
    let internet = Internet::new();
    let (fixture, manifest) = begin(&internet).await;
    let heard = internet.answer(API, redirect(307, "https://other.example.com/"));
    internet.answer(OTHER, ok("hello"));
    for (kib, expected, times) in [
        (100, [Ok(200), Ok(200), Err(SendRequestError::OverBudget)], 3),
        (200, [Ok(200), Err(SendRequestError::OverBudget), Err(SendRequestError::OverBudget)], 4),
        // The body is sent once; the redirected request would exceed the budget.
        (300, [(); 3].map(|()| Err(SendRequestError::OverBudget)), 5),
    ] {
        let mut run = Transaction::new(Arc::clone(&fixture.world), Arc::new(call(&fixture, &manifest, "fetch", &[])));
        for expected in expected {
            let mut asked = request(Method::POST, URL);
            (asked.headers, asked.body) = (Vec::new(), Some(vec![b'a'; kib << 10]));
            let sent = send(&mut run, asked).await.map(|response| response.status).map_err(told);
            assert_eq!(sent, expected, "{kib} KiB");
        }
        assert_eq!(heard.list().len(), times, "{kib} KiB");
    }
}

fn told(error: HostCallError<SendRequestError>) -> SendRequestError {
    match error {
        HostCallError::Returned(error) => error,
        HostCallError::EndsRun(end) => panic!("{end}"),
    }
}

#[tokio::test]
async fn a_secret_reaches_the_host_and_nobody_else() {
    let internet = Internet::new();
    let (fixture, manifest) = begin(&internet).await;
    let heard = internet.answer(API, ok("done"));
    let missing = text(fixture.sandbox.invoke(call(&fixture, &manifest, "post", &[URL])).await);
    assert_eq!(missing, "HttpError::InvalidRequest(\"the secret setting \\\"token\\\" is not set\")");
    assert_eq!(heard.list(), Vec::<String>::new());
    enter_token(&fixture, "hunter2").await;
    let posted = call(&fixture, &manifest, "post", &[URL]);
    let id = posted.invocation.id.id.clone();
    assert_eq!(text(fixture.sandbox.invoke(posted).await), "200 done");
    let asked = heard.list().remove(0);
    assert!(asked.contains("authorization: Bearer hunter2\r\n"), "{asked}");
    assert!(asked.contains(&format!("idempotency-key: {id}-1\r\n")), "{asked}");
    assert!(asked.ends_with("\r\n\r\nhello"), "{asked}");
}

#[tokio::test]
async fn what_its_requests_take_of_the_processor_is_the_modules_own() {
    let internet = Internet::new();
    let mut terms = Terms { web: Some(internet.patient_client()), ..Terms::default() };
    // Credit for two calls of four requests with four connections each, not for three. Nothing else is charged.
    let cost = Duration::from_millis(1);
    (terms.limits.credit, terms.limits.credit_window) = (40 * cost, NEVER);
    let fixture = Fixture::with(terms).await;
    let manifest = fixture.add(guests::FETCHES).await;
    internet.answer(API, redirect(302, "/again"));
    internet.charge_for_dialling(cost);
    let fetch = async |url: &str| fixture.sandbox.invoke(call(&fixture, &manifest, "fetch", &[url; 4])).await.err();
    for _ in 0..15 {
        assert_eq!(fetch("http://api.example.com/").await, None, "nobody is dialled");
    }
    let ended = [fetch(URL).await, fetch(URL).await, fetch(URL).await, fetch(URL).await];
    assert_eq!(ended, [None, None, None, Some(InvokeError::Cpu)]);
    assert_eq!(internet.dialled().len(), 3 * 16);
    fixture.answers_balance().await;
}

/// Sets a server that causes conflicts: it writes the entry that the guest has read before each of its first `times`
/// answers. Returns the number of requests so far.
fn serve_meddler(internet: &Internet, store: &Arc<Store>, times: usize) -> Arc<AtomicUsize> {
    let (store, asked) = (Arc::clone(store), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    internet.serve(API, move |mut stream| {
        let (store, asked) = (Arc::clone(&store), count.fetch_add(1, Ordering::SeqCst));
        async move {
            read_request(&mut stream).await;
            if asked < times {
                let (module, value) = ("fetches".parse().unwrap(), (10 * (asked + 1)).to_string().into_bytes());
                let effect = Effect::Storage(module, StorageEffect::Save { key: "count".to_owned(), value });
                commit(&store, &format!("meddler {asked}"), effect).await;
            }
            say(&mut stream, ok("done").as_bytes()).await;
        }
    });
    asked
}

#[tokio::test]
async fn a_run_after_a_conflict_sends_nothing_again() {
    let internet = Internet::new();
    let (fixture, manifest) = begin(&internet).await;
    enter_token(&fixture, "hunter2").await;
    let asked = serve_meddler(&internet, &fixture.world.store, 1);
    assert_eq!(text(fixture.sandbox.invoke(call(&fixture, &manifest, "post", &[URL])).await), "200 done");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let count = fixture.world.store.load_entry(SHOP, &manifest.name, "count").await.unwrap().1;
    assert_eq!(count, Some(b"11".to_vec()), "it ran on what was there by then");
}

#[tokio::test]
async fn a_run_that_would_send_something_else_is_a_conflict() {
    let internet = Internet::new();
    let (fixture, manifest) = begin(&internet).await;
    enter_token(&fixture, "hunter2").await;
    let asked = serve_meddler(&internet, &fixture.world.store, 1);
    let ended = fixture.sandbox.invoke(call(&fixture, &manifest, "post-count", &[URL])).await;
    assert_eq!(ended.unwrap_err(), InvokeError::Conflict);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    fixture.answers_balance().await;
}

#[tokio::test]
async fn a_dry_run_sends_nothing() {
    let internet = Internet::new();
    let (fixture, manifest) = begin(&internet).await;
    let call = Arc::new(call(&fixture, &manifest, "fetch", &[]));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let requests = Arc::new(Requests::new(deadline, true));
    let mut run = Transaction::new(Arc::clone(&fixture.world), call).with_requests(&requests);
    assert_eq!(send(&mut run, request(Method::POST, URL)).await.map_err(told), Err(SendRequestError::NotSent));
    assert_eq!(internet.lookups(), 0);
}

#[tokio::test]
async fn who_has_no_time_left_sends_nothing() {
    let internet = Internet::new();
    let (fixture, manifest) = begin(&internet).await;
    let call = Arc::new(call(&fixture, &manifest, "fetch", &[]));
    let requests = Arc::new(Requests::new(tokio::time::Instant::now(), false));
    let mut run = Transaction::new(Arc::clone(&fixture.world), call).with_requests(&requests);
    assert_eq!(send(&mut run, request(Method::POST, URL)).await.map_err(told), Err(SendRequestError::OverBudget));
    assert_eq!(internet.lookups(), 0);
}

#[tokio::test]
async fn an_id_that_a_caller_chose_is_not_told_to_the_web() {
    let internet = Internet::new();
    let (fixture, manifest) = begin(&internet).await;
    enter_token(&fixture, "hunter2").await;
    let heard: Heard = internet.answer(API, ok("done"));
    let mut call = call(&fixture, &manifest, "post", &[URL]);
    let id = InvocationId { origin: Origin::Http, id: "0123456789ab my own\r\nkey".into() };
    Arc::make_mut(&mut call.invocation).id = id;
    assert_eq!(text(fixture.sandbox.invoke(call).await), "200 done");
    let asked = heard.list().remove(0);
    let key = asked.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap();
    assert!(key.len() == 34 && key.ends_with("-1") && !asked.contains("my own"), "{asked}");
}
