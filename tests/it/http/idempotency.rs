//! Idempotency-Key, tested on an endpoint that only this test has.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Request as HttpRequest, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::post;
use http_body_util::BodyExt;
use tokio::sync::Notify;
use tower::ServiceExt;
use twitchy::http::principal::Principal;
use twitchy::http::request::idempotency::answer_once;
use twitchy::http::state::Api;

use super::harness::Site;

const MOST: usize = 100;

/// An endpoint that counts its calls. A call whose body says so waits until the test lets it end.
struct Counter {
    site: Site,
    router: Router,
    calls: Arc<AtomicUsize>,
    began: Arc<Notify>,
    may_end: Arc<Notify>,
}

impl Counter {
    async fn open() -> Counter {
        let site = Site::open().await;
        let (calls, began, may_end) =
            (Arc::<AtomicUsize>::default(), Arc::<Notify>::default(), Arc::<Notify>::default());
        let endpoint = {
            let (calls, began, may_end) = (calls.clone(), began.clone(), may_end.clone());
            async move |body: String| {
                let number = calls.fetch_add(1, Ordering::Relaxed) + 1;
                if body == "wait" {
                    began.notify_one();
                    may_end.notified().await;
                }
                let status = if body == "break" { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::CREATED };
                let answer = if body == "long" { "x".repeat(70_000) } else { format!("call {number}: {body}") };
                (status, answer)
            }
        };
        let once = from_fn_with_state((site.api.clone(), MOST), answer_once);
        let router = Router::new().route("/a", post(endpoint.clone())).route("/b", post(endpoint));
        let router = router.layer(once).layer(from_fn_with_state(site.api.clone(), name));
        Counter { site, router, calls, began, may_end }
    }

    /// Returns the status, whether the answer was replayed, and the body or a problem's code.
    async fn send(&self, path: &str, caller: &str, key: &str, body: &str) -> (u16, bool, String) {
        let request = HttpRequest::post(path).header("x-key", &caller[4..16]).header("idempotency-key", key);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let problem: Option<serde_json::Value> = serde_json::from_str(&body).ok();
        let body = problem.map_or(body, |problem| problem["code"].as_str().unwrap().to_owned());
        (parts.status.as_u16(), parts.headers.contains_key("idempotency-replayed"), body)
    }
}

/// Stands in for the gate: takes the caller from the header `x-key` without checking a key.
async fn name(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let id = request.headers()["x-key"].to_str().unwrap().parse().unwrap();
    let key = api.store.host.find_api_key(&id).await.unwrap().unwrap();
    request.extensions_mut().insert(Principal::new(key, IpAddr::from([192, 0, 2, 1])));
    next.run(request).await
}

fn answer(status: u16, is_replayed: bool, body: &str) -> (u16, bool, String) {
    (status, is_replayed, body.to_owned())
}

#[tokio::test]
async fn the_same_again_gets_the_same_answer_and_is_not_done_again() {
    let counter = Counter::open().await;
    let (own, other) = (counter.site.own.clone(), counter.site.other.clone());
    assert_eq!(counter.send("/a", &own, "k", "x").await, answer(201, false, "call 1: x"));
    assert_eq!(counter.send("/a", &own, "k", "x").await, answer(201, true, "call 1: x"));
    assert_eq!(counter.send("/a", &own, "k", "y").await, answer(422, false, "idempotency_key_reused"));
    assert_eq!(counter.send("/b", &own, "k", "x").await, answer(422, false, "idempotency_key_reused"));
    assert_eq!(counter.send("/a?q", &own, "k", "x").await, answer(422, false, "idempotency_key_reused"));
    assert_eq!(counter.send("/a", &other, "k", "x").await, answer(201, false, "call 2: x"));
    assert_eq!(counter.send("/a", &own, "l", "x").await, answer(201, false, "call 3: x"));
    counter.site.house.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(counter.send("/a", &own, "k", "y").await, answer(201, false, "call 4: y"));
    counter.site.close().await;
}

#[tokio::test]
async fn while_the_first_runs_the_second_is_told_so_even_if_the_first_hung_up() {
    let counter = Counter::open().await;
    let own = counter.site.own.clone();
    {
        let first = counter.send("/a", &own, "k", "wait");
        tokio::select! {
            _ = first => panic!("it waits"),
            () = counter.began.notified() => {}
        }
    }
    assert_eq!(counter.send("/a", &own, "k", "wait").await, answer(409, false, "in_progress"));
    assert_eq!(counter.send("/a", &own, "k", "other").await, answer(422, false, "idempotency_key_reused"));
    counter.may_end.notify_one();
    let kept = loop {
        let again = counter.send("/a", &own, "k", "wait").await;
        if again.0 != 409 {
            break again;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(kept, answer(201, true, "call 1: wait"));
    assert_eq!(counter.calls.load(Ordering::Relaxed), 1);
    counter.site.close().await;
}

#[tokio::test]
async fn what_may_go_better_the_next_time_is_not_kept_and_nonsense_is_refused() {
    let counter = Counter::open().await;
    let own = counter.site.own.clone();
    for number in 1..=2 {
        assert_eq!(counter.send("/a", &own, "k", "break").await, answer(500, false, &format!("call {number}: break")));
    }
    for _ in 0..2 {
        assert_eq!(counter.send("/a", &own, "l", "long").await.2.len(), 70_000);
    }
    assert_eq!(counter.calls.load(Ordering::Relaxed), 4);
    assert_eq!(counter.send("/a", &own, "m", &"x".repeat(MOST + 1)).await, answer(413, false, "too_large"));
    for bad in ["", "a b", &"k".repeat(129)] {
        assert_eq!(counter.send("/a", &own, bad, "x").await, answer(400, false, "invalid_header"));
    }
    counter.site.close().await;
}
