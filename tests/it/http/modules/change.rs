//! Versions that are withdrawn, restored, rolled back and made canaries over HTTP.

use serde_json::{Value, json};
use tests::guests;
use twitchy::config::HttpConfig;
use twitchy::domain::effect::{Commit, Committed, Effect, ModuleEffect, Scope};
use twitchy::domain::id::{ChannelId, Login};
use twitchy::domain::manifest::Grants;
use twitchy::testing;

use super::{push, with_version};
use crate::harness::{House, channel_id, header, login, patient};
use crate::http::harness::{Answer, Site};

const ECHO: &str = "/api/v1/modules/echo";

/// A site with these versions of `echo`, uploaded with the key `own`.
async fn with_versions(versions: &[&str]) -> Site {
    let site = Site::open().await;
    for version in versions {
        assert_eq!(push(&site, &site.own, &with_version(guests::ECHO, version)).await.status, 201);
    }
    site
}

fn shop() -> ChannelId {
    channel_id(&"shop".parse::<Login>().unwrap())
}

/// Enables `echo` in `#shop`.
async fn enable(site: &Site) {
    let catalogue = site.house.setup.catalogue();
    let manifest = catalogue.find(&"echo".parse().unwrap()).unwrap().latest().unwrap().clone();
    let before = site.house.setup.find_channel(shop()).unwrap();
    let module = manifest.name.clone();
    let accept = Effect::Module(
        module.clone(),
        ModuleEffect::AcceptVersion { digest: manifest.digest, grants: Grants::all(&manifest) },
    );
    let effects = vec![accept, Effect::Module(module, ModuleEffect::Switch { enabled: true })];
    let noted = vec![(Scope::Setup { channel: shop() }, before.revision)];
    let commit = Commit { noted, ..testing::commit(shop(), "enables", effects) };
    assert_eq!(site.house.setup.commit(commit).await.unwrap(), Committed::Done);
}

fn code(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.code())
}

/// The latest version, and the withdrawn ones.
fn state(answer: &Answer) -> (Value, Vec<String>) {
    let module = answer.json();
    let versions = module["versions"].as_array().unwrap().clone();
    let withdrawn = versions.iter().filter(|version| version["withdrawn_at"].is_string());
    (module["latest"].clone(), withdrawn.map(|version| version["version"].as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn a_withdrawn_version_is_never_the_latest_until_it_is_restored() {
    let site = with_versions(&["0.1.0", "0.2.0"]).await;
    let withdrawn = site.ask(&format!("DELETE {ECHO}/versions/0.2.0"), &site.own).await;
    assert_eq!((withdrawn.status, state(&withdrawn)), (200, (json!("0.1.0"), vec!["0.2.0".to_owned()])));
    // Uploading the same bytes again does not restore the version.
    let again = push(&site, &site.own, &with_version(guests::ECHO, "0.2.0")).await;
    assert_eq!((again.status, &again.json()["withdrawn_at"]), (200, &json!("2026-09-21T12:00:00Z")));
    let restored = site.ask(&format!("POST {ECHO}/versions/0.2.0/restore"), &site.own).await;
    assert_eq!((restored.status, state(&restored)), (200, (json!("0.2.0"), vec![])));
    let all = site.ask(&format!("DELETE {ECHO}"), &site.own).await;
    assert_eq!((all.status, state(&all)), (200, (Value::Null, vec!["0.1.0".to_owned(), "0.2.0".to_owned()])));
    site.close().await;
}

#[tokio::test]
async fn what_runs_somewhere_is_withdrawn_only_by_force_and_that_is_the_operators() {
    let site = with_versions(&["0.1.0"]).await;
    enable(&site).await;
    assert_eq!(site.ask(&format!("GET {ECHO}"), &site.own).await.json()["enabled_in"], 1);
    for path in [ECHO.to_owned(), format!("{ECHO}/versions/0.1.0")] {
        site.ask(&format!("DELETE {path}"), &site.own).await.check(
            r#"409 application/problem+json
            {
              "code": "in_use",
              "detail": "It runs in 1 of the host's channels; an operator takes it off the air there all the same with force=true, which is --force on the command line.",
              "status": 409,
              "title": "Conflict",
              "type": "urn:twitchy:problem:in_use"
            }"#,
        );
        assert_eq!(code(&site.ask(&format!("DELETE {path}?force=true"), &site.own).await), "403 forbidden");
        assert_eq!(code(&site.ask(&format!("DELETE {path}?force=yes"), &site.operator).await), "400 invalid_query");
    }
    let forced = site.ask(&format!("DELETE {ECHO}?force=true"), &site.operator).await;
    assert_eq!((forced.status, state(&forced).0), (200, Value::Null));
    site.close().await;
}

#[tokio::test]
async fn nobody_elses_versions_are_changed() {
    let site = with_versions(&["0.1.0", "0.2.0"]).await;
    let before = site.ask(&format!("GET {ECHO}"), &site.own).await.json();
    for request in [
        format!("DELETE {ECHO}"),
        format!("DELETE {ECHO}/versions/0.1.0"),
        format!("POST {ECHO}/versions/0.1.0/restore"),
        format!("POST {ECHO}/rollback"),
        format!("PUT {ECHO}/canary"),
        format!("DELETE {ECHO}/canary"),
        format!("POST {ECHO}/canary/promote"),
    ] {
        assert_eq!(code(&site.send(&request, &site.other, &[], "{}").await), "403 forbidden", "{request}");
    }
    assert_eq!(site.ask(&format!("GET {ECHO}"), &site.own).await.json(), before);
    for (request, expected) in [
        ("DELETE /api/v1/modules/help", "409 not_uploaded"),
        ("DELETE /api/v1/modules/nowhere", "404 not_found"),
        ("DELETE /api/v1/modules/echo/versions/9.0.0", "404 not_found"),
        ("DELETE /api/v1/modules/echo/versions/x", "400 invalid_path"),
        ("POST /api/v1/modules/help/versions/0.1.0/restore", "409 not_uploaded"),
    ] {
        assert_eq!(code(&site.ask(request, &site.operator).await), expected, "{request}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_wrong_query_or_body_is_refused_before_a_wrong_path() {
    let site = Site::open().await;
    for (request, body, expected) in [
        ("DELETE /api/v1/modules/Echo!?force=yes", "", "400 invalid_query"),
        ("DELETE /api/v1/modules/Echo!?force=true", "", "400 invalid_path"),
        ("POST /api/v1/modules/Echo!/rollback", "{", "400 invalid_body"),
        ("POST /api/v1/modules/Echo!/rollback", r#"{"to": "one"}"#, "400 invalid_path"),
        ("POST /api/v1/modules/Echo!/canary/promote", "", "400 invalid_path"),
    ] {
        assert_eq!(code(&site.send(request, &site.operator, &[], body).await), expected, "{request}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_bad_version_is_off_the_air_in_one_request() {
    let site = with_versions(&["0.1.0", "0.2.0", "0.3.0"]).await;
    let roll = |body: &'static str| {
        let site = &site;
        async move { site.send(&format!("POST {ECHO}/rollback"), &site.operator, &[], body).await }
    };
    let rolled = roll("{}").await;
    assert_eq!((rolled.status, state(&rolled)), (200, (json!("0.2.0"), vec!["0.3.0".to_owned()])));
    assert_eq!(code(&roll(r#"{"to": "0.3.0"}"#).await), "409 withdrawn");
    assert_eq!(code(&roll(r#"{"to": "0.9.0"}"#).await), "404 not_found");
    assert_eq!(code(&roll(r#"{"to": "one"}"#).await), "422 invalid_values");
    assert_eq!(code(&roll(r#"{"from": "0.1.0"}"#).await), "400 invalid_body");
    assert_eq!(state(&roll(r#"{"to": "0.1.0"}"#).await).0, "0.1.0");
    assert_eq!(code(&roll("{}").await), "409 nothing_before");
    site.close().await;
}

#[tokio::test]
async fn a_canary_is_for_its_channels_until_it_is_promoted_or_dropped() {
    let site = with_versions(&["0.1.0", "0.2.0"]).await;
    let path = format!("PUT {ECHO}/canary");
    let body = format!(r#"{{"version": "0.2.0", "channels": ["{}"]}}"#, shop());
    let set = async |etag: &str, body: &str| site.send(&path, &site.operator, &[("if-match", etag)], body).await;
    let etag = site.ask(&format!("GET {ECHO}"), &site.operator).await.header("etag").to_owned();
    let tried = set(&etag, &body).await;
    assert_eq!((tried.status, state(&tried).0), (200, json!("0.1.0")));
    assert_eq!(tried.json()["canary"], json!({ "version": "0.2.0", "channels": [shop().to_string()] }));
    let seen = site.ask(&format!("GET {ECHO}"), &site.other).await.json();
    assert_eq!(seen["canary"], json!({ "version": "0.2.0", "channels": [] }), "whose channels they are is not told");
    assert_eq!(code(&set(&etag, &body).await), "412 precondition_failed");
    assert_eq!(code(&site.send(&path, &site.operator, &[], &body).await), "428 precondition_required");
    for (body, expected) in [
        (r#"{"version": "0.2.0", "channels": []}"#, "422 unknown_channels"),
        (r#"{"version": "0.2.0", "channels": ["7"]}"#, "422 unknown_channels"),
        (r#"{"version": "0.2.0", "channels": ["shop"]}"#, "422 invalid_values"),
        (r#"{"version": "two", "channels": ["100"]}"#, "422 invalid_values"),
        (r#"{"version": "0.9.0", "channels": ["100"]}"#, "404 not_found"),
    ] {
        assert_eq!(code(&set("*", body).await), expected, "{body}");
    }
    let promoted = site.ask(&format!("POST {ECHO}/canary/promote"), &site.operator).await;
    assert_eq!((promoted.status, state(&promoted)), (200, (json!("0.2.0"), vec![])));
    assert_eq!(set("*", &body).await.status, 200);
    let dropped = site.ask(&format!("DELETE {ECHO}/canary"), &site.operator).await;
    assert_eq!((dropped.status, state(&dropped)), (200, (json!("0.1.0"), vec!["0.2.0".to_owned()])));
    for request in [format!("DELETE {ECHO}/canary"), format!("POST {ECHO}/canary/promote")] {
        assert_eq!(code(&site.ask(&request, &site.operator).await), "409 no_canary");
    }
    assert_eq!(code(&set("*", &body).await), "409 withdrawn");
    site.close().await;
}

#[tokio::test]
async fn of_two_who_read_the_same_one_sets_the_canary() {
    let site = with_versions(&["0.1.0", "0.2.0"]).await;
    let etag = site.ask(&format!("GET {ECHO}"), &site.operator).await.header("etag").to_owned();
    let body = format!(r#"{{"version": "0.2.0", "channels": ["{}"]}}"#, shop());
    let (request, read) = (format!("PUT {ECHO}/canary"), [("if-match", etag.as_str())]);
    let set = || site.send(&request, &site.operator, &read, &body);
    let (one, other) = tokio::join!(set(), set());
    let mut answers = [code(&one), code(&other)];
    answers.sort_unstable();
    assert_eq!(answers, ["200 ", "412 precondition_failed"]);
    site.close().await;
}

/// If the ETag covered hidden channels, a caller could guess them by trying digests until one matches.
#[tokio::test]
async fn a_canarys_channels_are_not_in_the_etag_of_whoever_may_not_see_them() {
    let headers = ["shop", "cafe"].map(|channel| header(channel, &[]));
    let site = Site::of(House::open(&headers.each_ref(), patient()).await, HttpConfig::default()).await;
    for version in ["0.1.0", "0.2.0"] {
        assert_eq!(push(&site, &site.own, &with_version(guests::ECHO, version)).await.status, 201);
    }
    let mut tags = Vec::new();
    for channels in [vec!["shop"], vec!["shop", "cafe"]] {
        let ids: Vec<_> = channels.iter().map(|channel| channel_id(&login(channel)).to_string()).collect();
        let body = json!({ "version": "0.2.0", "channels": ids }).to_string();
        let set = site.send(&format!("PUT {ECHO}/canary"), &site.operator, &[("if-match", "*")], &body).await;
        assert_eq!(set.status, 200, "{}", set.show());
        let of = async |key| site.ask(&format!("GET {ECHO}"), key).await.header("etag").to_owned();
        tags.push((of(&site.operator).await, of(&site.other).await));
    }
    assert_ne!(tags[0].0, tags[1].0);
    assert_eq!(tags[0].1, tags[1].1);
    site.close().await;
}

#[tokio::test]
async fn an_upload_is_a_canary_from_its_first_moment() {
    let site = with_versions(&["0.1.0"]).await;
    let upload = async |canary: &str, key: &str, version: &str| {
        let wasm = [("content-type", "application/wasm")];
        let component = with_version(guests::ECHO, version);
        let request = format!("POST /api/v1/modules?canary={canary}");
        site.send_body(&request, key, &wasm, axum::body::Body::from(component)).await
    };
    let shop = shop().to_string();
    assert_eq!(code(&upload(&shop, &site.own, "0.2.0").await), "403 forbidden");
    for (canary, expected) in
        [("shop", "422 invalid_values"), ("", "422 invalid_values"), ("7", "422 unknown_channels")]
    {
        assert_eq!(code(&upload(canary, &site.operator, "0.2.0").await), expected, "{canary}");
    }
    assert_eq!(upload(&shop, &site.operator, "0.2.0").await.status, 201);
    let tried = site.ask(&format!("GET {ECHO}"), &site.operator).await;
    assert_eq!(state(&tried).0, "0.1.0", "nobody else ever had it");
    assert_eq!(tried.json()["canary"], json!({ "version": "0.2.0", "channels": [shop] }));
    // A second canary would make the first one everybody's version.
    assert_eq!(code(&upload(&shop, &site.operator, "0.3.0").await), "409 canary_exists");
    let other = format!(r#"{{"version": "0.1.0", "channels": ["{shop}"]}}"#);
    let other = site.send(&format!("PUT {ECHO}/canary"), &site.operator, &[("if-match", "*")], &other).await;
    assert_eq!(code(&other), "409 canary_exists");
    assert_eq!(state(&site.ask(&format!("GET {ECHO}"), &site.operator).await).0, "0.1.0");
    site.close().await;
}

#[tokio::test]
async fn no_parameter_is_in_the_document_twice() {
    let site = Site::open().await;
    let document = site.ask("GET /api/v1/openapi.json", "").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let mut names: Vec<&str> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all, "{method} {path}: {names:?}");
        }
    }
    site.close().await;
}
