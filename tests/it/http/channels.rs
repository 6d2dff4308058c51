//! Channels over HTTP.

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;
use twitchy::config::HttpConfig;

use super::harness::Site;
use crate::harness::{channel_id, login};

/// The path of `#shop`.
pub(super) fn shop() -> String {
    format!("/api/v1/channels/{}", channel_id(&login("shop")))
}

#[tokio::test]
async fn a_channel_is_shown_and_changed_at_once_by_whoever_has_read_it() {
    let site = Site::open().await;
    let path = shop();
    let shown = site.ask(&format!("GET {path}"), &site.operator).await;
    let id = channel_id(&login("shop"));
    shown.check(&format!(
        r#"200 application/json
        {{
          "account": "twitchy",
          "display_name": "shop",
          "id": "{id}",
          "locale": "en",
          "login": "shop",
          "moderators_may_change": false,
          "muted_until": null,
          "prefix": "!",
          "revision": 1
        }}"#
    ));
    assert_eq!(shown.header("etag"), "\"r1\"");
    let patch = r#"{"prefix": "?", "locale": "de", "muted_until": "2026-09-21T13:00:00Z", "moderators_may_change": true,
        "commands": {"points": {"role": "vip", "cooldown": "1m", "chatter_cooldown": "2m"}}}"#;
    let own = site.make_key(&format!("channel:{id}"), None).await;
    let changed = site.send(&format!("PATCH {path}"), &own, &[("if-match", "\"r1\"")], patch).await;
    let body = changed.json();
    assert_eq!((changed.status, changed.header("etag")), (200, "\"r2\""), "{}", changed.show());
    let told = (&body["prefix"], &body["locale"], &body["muted_until"], &body["moderators_may_change"]);
    assert_eq!(told, (&json!("?"), &json!("de"), &json!("2026-09-21T13:00:00Z"), &json!(true)));
    let module = site.ask(&format!("GET {path}/modules/balance"), &own).await.json();
    let terms = json!({ "role": "vip", "cooldown": "1m", "chatter_cooldown": "2m" });
    assert_eq!(module["commands"], json!({ "balance": terms }));
    let loud = site.send(&format!("PATCH {path}"), &own, &[("if-match", "*")], r#"{"muted_until": null}"#).await;
    assert_eq!((loud.json()["muted_until"].clone(), loud.json()["prefix"].clone()), (json!(null), json!("?")));
    site.close().await;
}

#[tokio::test]
async fn a_change_that_cannot_be_changes_nothing() {
    let site = Site::open().await;
    let path = shop();
    let patch = |if_match: &'static [(&str, &str)], body: &'static str| {
        let (site, path) = (&site, &path);
        async move { site.send(&format!("PATCH {path}"), &site.operator, if_match, body).await }
    };
    let any: &[(&str, &str)] = &[("if-match", "*")];
    let wrong =
        patch(any, r#"{"prefix": "abc", "locale": "e", "commands": {"nothing": {}, "balance": {"role": "king"}}}"#)
            .await;
    wrong.check(
        r#"422 application/problem+json
        {
          "code": "invalid_values",
          "detail": "Some of what the request says cannot be.",
          "errors": [
            {
              "detail": "should be 1 to 5 visible characters without letters, digits, @, / or .",
              "field": "prefix"
            },
            {
              "detail": "should be a language such as en or pt-BR",
              "field": "locale"
            },
            {
              "detail": "should be everyone, subscriber, vip, moderator or broadcaster",
              "field": "commands.balance.role"
            },
            {
              "detail": "should be a word that calls something here",
              "field": "commands.nothing"
            }
          ],
          "status": 422,
          "title": "Unprocessable Entity",
          "type": "urn:twitchy:problem:invalid_values"
        }"#,
    );
    assert_eq!(patch(any, r#"{"muted_until": "tomorrow"}"#).await.code(), "invalid_values");
    assert_eq!(patch(any, r#"{"prefx": "?"}"#).await.code(), "invalid_body");
    assert_eq!(patch(&[], r#"{"prefix": "?"}"#).await.code(), "precondition_required");
    assert_eq!(patch(&[("if-match", "\"r0\"")], r#"{"prefix": "?"}"#).await.code(), "precondition_failed");
    let there = site.ask(&format!("GET {path}"), &site.operator).await;
    assert_eq!((there.header("etag"), &there.json()["prefix"]), ("\"r1\"", &json!("!")));
    assert_eq!(site.ask("GET /api/v1/channels/100", &site.operator).await.code(), "not_found");
    assert_eq!(site.ask("GET /api/v1/channels/shop", &site.operator).await.code(), "invalid_path");
    site.close().await;
}

#[tokio::test]
async fn a_key_sees_its_own_channel_and_the_operator_all_page_by_page() {
    let headers = ["shop", "cafe", "market"].map(|channel| crate::harness::header(channel, &[]));
    let house = crate::harness::House::open(&headers.each_ref(), crate::harness::patient()).await;
    let site = Site::of(house, HttpConfig::default()).await;
    let own = site.make_key(&format!("channel:{}", channel_id(&login("cafe"))), None).await;
    let list = |key: String| {
        let site = &site;
        async move {
            let (mut logins, mut path) = (Vec::new(), "/api/v1/channels?limit=2".to_owned());
            loop {
                let page = site.ask(&format!("GET {path}"), &key).await.json();
                let items = page["items"].as_array().unwrap();
                logins.extend(items.iter().map(|channel| channel["login"].as_str().unwrap().to_owned()));
                let Some(cursor) = page["next_cursor"].as_str() else { break logins };
                path = format!("/api/v1/channels?limit=2&cursor={cursor}");
            }
        }
    };
    let mut all = ["shop", "cafe", "market"];
    all.sort_by_key(|channel| channel_id(&login(channel)));
    assert_eq!(list(site.operator.clone()).await, all);
    assert_eq!(list(own).await, ["cafe"]);
    assert!(list(site.other.clone()).await.is_empty());
    site.close().await;
}

#[tokio::test]
async fn a_channel_is_found_by_its_login_by_whoever_may_see_it() {
    let headers = ["shop", "cafe"].map(|channel| crate::harness::header(channel, &[]));
    let house = crate::harness::House::open(&headers.each_ref(), crate::harness::patient()).await;
    let site = Site::of(house, HttpConfig::default()).await;
    let own = site.make_key(&format!("channel:{}", channel_id(&login("cafe"))), None).await;
    let find = async |query: &str, key: &str| {
        let page = site.ask(&format!("GET /api/v1/channels?{query}"), key).await.json();
        assert_eq!(page["next_cursor"], json!(null));
        let items = page["items"].as_array().unwrap_or_else(|| panic!("{page}")).clone();
        items.iter().map(|channel| channel["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let shop = channel_id(&login("shop")).to_string();
    for query in ["login=shop", "login=SHOP", "limit=1&login=shop"] {
        assert_eq!(find(query, &site.operator).await, [shop.as_str()], "{query}");
    }
    assert!(find("login=den", &site.operator).await.is_empty());
    assert!(find(&format!("login=shop&cursor={shop}"), &site.operator).await.is_empty());
    assert_eq!(find("login=cafe", &own).await, [channel_id(&login("cafe")).to_string()]);
    assert!(find("login=shop", &own).await.is_empty(), "not even that there is one");
    for wrong in ["login=", "login=%23shop", "login=a&login=b"] {
        let answer = site.ask(&format!("GET /api/v1/channels?{wrong}"), &site.operator).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_query"), "{wrong}");
    }
    site.close().await;
}

/// With `If-Match: *`, a lost race is no reason for a refusal.
#[tokio::test]
async fn a_hundred_changes_at_once_are_all_made() {
    let config = HttpConfig { burst: 1000, concurrency: 200, ..HttpConfig::default() };
    let site = Arc::new(Site::with(config).await);
    let mut changes = JoinSet::new();
    for number in 0..100 {
        let (site, path) = (site.clone(), shop());
        let (request, body) = match number % 4 {
            0 => (format!("DELETE {path}/modules/balance"), String::new()),
            1 => (format!("PUT {path}/modules/balance"), r#"{"enabled": true}"#.to_owned()),
            _ => (format!("PATCH {path}"), format!(r#"{{"prefix": "{}"}}"#, ["$", "%", "&", "?", "~"][number % 5])),
        };
        changes.spawn(async move {
            let answer = site.send(&request, &site.operator, &[("if-match", "*")], &body).await;
            (answer.status, answer.show())
        });
    }
    let answers = changes.join_all().await;
    let refused: Vec<_> = answers.iter().filter(|(status, _)| *status != 200).collect();
    assert!(refused.is_empty(), "{} of 100 are refused: {:?}", refused.len(), refused[0]);
    Arc::into_inner(site).unwrap().close().await;
}
