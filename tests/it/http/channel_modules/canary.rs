//! Modules in a channel that has a canary version.

use serde_json::{Value, json};
use twitchy::config::HttpConfig;
use twitchy::domain::manifest::Capability::Storage;
use twitchy::domain::role::Role;

use super::{Table, dice};
use crate::harness::{House, channel_id, header, login, message, patient};
use crate::http::harness::Site;

impl Table {
    async fn try_out(&self, version: &str) {
        let body = json!({ "version": version, "channels": [channel_id(&login("shop")).to_string()] }).to_string();
        let set = self.operate("PUT", "canary", &body).await;
        assert_eq!(set, 200);
    }

    async fn operate(&self, method: &str, path: &str, body: &str) -> u16 {
        let request = format!("{method} /api/v1/modules/dice/{path}");
        self.site.send(&request, &self.site.operator, &[("if-match", "*")], body).await.status
    }

    async fn say(&self, id: usize, text: &str) -> String {
        format!("{:?}", self.site.house.hear(message("shop", Role::Broadcaster, "shop", id, text)).await)
    }
}

#[tokio::test]
async fn chat_accepts_nothing_where_the_only_version_is_tried_out_elsewhere() {
    let headers = ["shop", "cafe"].map(|channel| header(channel, &[]));
    let site = Site::of(House::open(&headers.each_ref(), patient()).await, HttpConfig::default()).await;
    let table = Table::of(site, [dice("1.0.0", &[], "roll")]).await;
    assert_eq!(table.put(&table.own, &json!({ "enabled": false, "settings": { "sides": "8" } })).await.status, 200);
    table.publish(dice("1.5.0", &[], "roll")).await;
    let elsewhere = json!({ "version": "1.5.0", "channels": [channel_id(&login("cafe")).to_string()] }).to_string();
    assert_eq!(table.operate("PUT", "canary", &elsewhere).await, 200);
    assert_eq!(table.operate("DELETE", "versions/1.0.0?force=true", "").await, 200);
    let said = table.say(1, "!settings enable dice").await;
    assert!(said.contains("you can't change that here: no version of dice is on the air here"), "{said}");
    assert_eq!(table.show().await["enabled"], json!(false));
    table.close().await;
}

#[tokio::test]
async fn what_is_latest_here_is_the_canary_and_may_be_accepted() {
    let table = Table::with([dice("1.0.0", &[], "roll"), dice("1.1.0", &[Storage], "roll")]).await;
    let there = async || {
        let shown = table.show().await;
        ["latest", "latest_here", "missing_grants"].map(|field| shown[field].clone())
    };
    assert_eq!(there().await, [json!("1.1.0"), json!("1.1.0"), json!(["storage"])]);
    table.try_out("1.1.0").await;
    assert_eq!(there().await, [json!("1.0.0"), json!("1.1.0"), json!(["storage"])]);
    table.publish(dice("1.2.0", &[], "roll")).await;
    // The same holds in a channel where the module was never set up.
    assert_eq!(there().await, [json!("1.2.0"), json!("1.1.0"), json!(["storage"])]);
    assert_eq!(table.put(&table.own, &json!({ "enabled": true, "version": "1.0.0" })).await.status, 200);
    assert_eq!(there().await, [json!("1.2.0"), json!("1.1.0"), json!([])]);
    let accept = |version: &Value| json!({ "enabled": true, "version": "latest", "accept": version, "grants": { "capabilities": ["storage"] } });
    let shown = table.show().await;
    assert_eq!(table.put(&table.own, &accept(&shown["latest"])).await.code(), "version_not_due");
    let taken = table.put(&table.own, &accept(&shown["latest_here"])).await.json();
    assert_eq!((&taken["running_version"], &taken["version"]), (&json!("1.1.0"), &json!("latest")));
    assert_eq!(table.operate("DELETE", "versions/1.1.0?force=true", "").await, 200);
    assert_eq!(there().await, [json!("1.2.0"), json!("1.2.0"), json!([])]);
    table.close().await;
}

#[tokio::test]
async fn chat_accepts_the_version_that_is_tried_out_and_no_withdrawn_one() {
    for (tried, withdrawn, told) in
        [(&[][..], &[Storage][..], "1.5.0"), (&[Storage], &[], "it needs to be allowed first")]
    {
        let table = Table::with([dice("1.5.0", tried, "roll")]).await;
        table.try_out("1.5.0").await;
        table.publish(dice("2.0.0", withdrawn, "roll")).await;
        assert_eq!(table.operate("DELETE", "versions/2.0.0?force=true", "").await, 200);
        let said = table.say(1, "!settings enable dice").await;
        let shown = table.show().await;
        match told {
            "1.5.0" => assert_eq!(shown["running_version"], told, "{said}"),
            _ => assert_eq!((shown["enabled"].clone(), said.contains(told)), (json!(false), true), "{said}"),
        }
        let path = "GET /api/v1/audit?action=accept-version";
        let accepted = table.site.ask(path, &table.site.operator).await.json();
        assert_eq!(accepted["items"].as_array().map(Vec::len), Some(usize::from(told == "1.5.0")), "{accepted}");
        table.close().await;
    }
}
