//! The audit over HTTP.

use serde_json::{Value, json};
use twitchy::config::HttpConfig;
use twitchy::domain::role::Role;

use super::channels::shop;
use super::harness::Site;
use crate::harness::{House, channel_id, chatter_id, header, login, message, patient};

async fn list(site: &Site, query: &str, key: &str) -> Vec<Value> {
    let page = site.ask(&format!("GET /api/v1/audit?{query}"), key).await;
    page.json()["items"].as_array().unwrap_or_else(|| panic!("{}", page.show())).clone()
}

#[tokio::test]
async fn changes_from_chat_and_from_a_key_stand_side_by_side() {
    let site = Site::open().await;
    let id = channel_id(&login("shop"));
    let own = site.make_key(&format!("channel:{id}"), None).await;
    site.house.hear(message("shop", Role::Broadcaster, "shop", 1, "!settings prefix ?")).await;
    let patch = format!("PATCH {}", shop());
    let proxied = [("if-match", "*"), ("x-peer", "198.51.100.7:9")];
    assert_eq!(site.send(&patch, &site.operator, &proxied, r#"{"prefix": "$"}"#).await.status, 200);
    let lines = site.ask("GET /api/v1/audit?action=change-prefix&limit=1", &site.operator).await;
    let (line, key) = (lines.json()["items"][0]["id"].as_str().unwrap().to_owned(), &site.operator[4..16]);
    lines.check(&format!(
        r#"200 application/json
        {{
          "items": [
            {{
              "action": "change-prefix",
              "actor": {{
                "key": "{key}",
                "key_name": "op",
                "kind": "key"
              }},
              "address": "198.51.100.7",
              "after": "$",
              "at": "2026-09-21T12:00:00Z",
              "before": "?",
              "channel": "{id}",
              "id": "{line}",
              "subject": ""
            }}
          ],
          "next_cursor": "{line}"
        }}"#
    ));
    let next = list(&site, &format!("action=change-prefix&limit=1&cursor={line}"), &own).await;
    let shop = chatter_id(&login("shop")).to_string();
    let actor = json!({ "kind": "chatter", "chatter": shop, "login": "shop" });
    assert_eq!((&next[0]["actor"], &next[0]["before"], &next[0]["after"]), (&actor, &json!("!"), &json!("?")));
    // A creator must not see the operator's address.
    assert_eq!(list(&site, "action=change-prefix&limit=1", &own).await[0]["address"], json!(null));
    site.close().await;
}

#[tokio::test]
async fn each_filter_narrows() {
    let site = Site::open().await;
    site.house.hear(message("shop", Role::Broadcaster, "shop", 1, "!settings prefix ?")).await;
    let count = async |query: &str| list(&site, query, &site.operator).await.len();
    let (shop, key) = (channel_id(&login("shop")), &site.operator[4..16]);
    assert_eq!(count(&format!("channel={shop}&actor=chatter")).await, 1);
    assert_eq!(count(&format!("actor=chatter:{}", chatter_id(&login("shop")))).await, 1);
    assert_eq!(count(&format!("actor=key:{key}")).await, 0);
    assert_eq!(count("actor=command-line&action=create-key").await, 3);
    assert_eq!(count(&format!("subject={key}")).await, 1);
    assert_eq!(count("actor=chatter&since=2026-09-21T12:00:00Z&until=2026-09-21T12:00:01Z").await, 1);
    assert_eq!(count("actor=chatter&since=2026-09-21T12:00:01Z").await, 0);
    for bad in ["actor=somebody", "actor=key:x", "channel=shop", "since=yesterday", "until=1", "cursor=x", "limit=0"] {
        let answer = site.ask(&format!("GET /api/v1/audit?{bad}"), &site.operator).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_query"), "{bad}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_key_of_a_channel_reads_that_one_only() {
    let headers = ["shop", "cafe"].map(|channel| header(channel, &[]));
    let site = Site::of(House::open(&headers.each_ref(), patient()).await, HttpConfig::default()).await;
    let [shop, cafe] = ["shop", "cafe"].map(|channel| channel_id(&login(channel)).to_string());
    let own = site.make_key(&format!("channel:{shop}"), None).await;
    let lines = list(&site, "limit=100", &own).await;
    assert!(!lines.is_empty() && lines.iter().all(|line| line["channel"] == json!(shop)), "{lines:?}");
    let answer = site.ask(&format!("GET /api/v1/audit?channel={cafe}"), &own).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"));
    let body = json!({ "name": "both", "scopes": [format!("channel:{shop}"), format!("channel:{cafe}")] }).to_string();
    let made = site.send("POST /api/v1/keys", &site.operator, &[], &body).await.json();
    let both = made["secret"].as_str().unwrap();
    assert_eq!(site.ask("GET /api/v1/audit", both).await.code(), "invalid_query");
    assert!(!list(&site, &format!("channel={cafe}"), both).await.is_empty());
    site.close().await;
}
