//! Modules in a channel over HTTP: granted, enabled, set up, pinned, rolled back.

use std::sync::Arc;

use serde_json::{Value, json};
use twitchy::domain::id::ModuleDigest;
use twitchy::domain::manifest::{Capability, Manifest, ModuleSource, SettingKind};
use twitchy::modules::powers::Powers;
use twitchy::testing::{command, manifest, setting};

use super::channels::shop;
use super::harness::{Answer, Site};
use crate::harness::{channel_id, login};

mod canary;
mod steps;
mod withdrawn;

/// A module with two settings and one command. It is never called.
fn dice(version: &str, capabilities: &[Capability], word: &str) -> Manifest {
    let digest = version.bytes().fold(0_u8, |digest, byte| digest.wrapping_mul(31).wrapping_add(byte));
    let settings = vec![
        setting("key", SettingKind::Secret, ""),
        setting("sides", SettingKind::Integer { least: 2, most: 100 }, "6"),
    ];
    Manifest {
        digest: ModuleDigest([digest; 32]),
        source: ModuleSource::Uploaded,
        version: version.parse().unwrap(),
        capabilities: capabilities.to_vec(),
        http_hosts: vec!["a.example".to_owned(), "b.example".to_owned()],
        ..manifest("dice", vec![command(word)], settings)
    }
}

struct Table {
    site: Site,
    /// The key of `#shop`'s creator.
    own: String,
    path: String,
}

impl Table {
    async fn with(versions: impl IntoIterator<Item = Manifest>) -> Table {
        Table::of(Site::open().await, versions).await
    }

    async fn of(site: Site, versions: impl IntoIterator<Item = Manifest>) -> Table {
        let own = site.make_key(&format!("channel:{}", channel_id(&login("shop"))), None).await;
        let table = Table { site, own, path: format!("{}/modules/dice", shop()) };
        for version in versions {
            table.publish(version).await;
        }
        table
    }

    async fn publish(&self, manifest: Manifest) {
        let house = &self.site.house;
        house.versions.add(Arc::new(manifest), None, Powers::Operator, house.stamp()).await.unwrap();
    }

    async fn show(&self) -> Value {
        self.site.ask(&format!("GET {}", self.path), &self.own).await.json()
    }

    async fn put(&self, key: &str, body: &Value) -> Answer {
        self.site.send(&format!("PUT {}", self.path), key, &[("if-match", "*")], &body.to_string()).await
    }

    /// Status, code and text of a refusal.
    async fn refused(&self, key: &str, body: &Value) -> String {
        let answer = self.put(key, body).await;
        format!("{} {}: {}", answer.status, answer.code(), answer.json()["detail"].as_str().unwrap_or_default())
    }

    async fn close(self) {
        self.site.close().await;
    }
}

/// The answer to a PUT of every field.
const SET_UP: &str = r#"200 application/json
        {
          "blown": null,
          "commands": {
            "roll": {
              "aliases": [
                "w",
                "roll"
              ],
              "cooldown": "1m30s",
              "role": "vip"
            }
          },
          "enabled": true,
          "grants": {
            "capabilities": [
              "payments",
              "storage"
            ],
            "http_hosts": [],
            "payments": {
              "per_chatter": "0",
              "per_day": null,
              "per_invocation": "5"
            },
            "treasury": {
              "per_chatter": "0",
              "per_day": "0",
              "per_invocation": "0"
            }
          },
          "latest": "1.0.0",
          "latest_here": "1.0.0",
          "missing_grants": [],
          "name": "dice",
          "note": null,
          "reason": null,
          "revision": 2,
          "running": true,
          "running_version": "1.0.0",
          "secrets": {
            "key": true
          },
          "settings": {
            "sides": "20"
          },
          "source": "uploaded",
          "storage": {
            "bytes": 0,
            "keys": 0,
            "written_by": null
          },
          "version": "1.0.0",
          "waiting": null
        }"#;

#[tokio::test]
async fn a_module_is_granted_enabled_and_set_up_in_one_request() {
    use Capability::{Payments, Storage};
    let table = Table::with([dice("1.0.0", &[Payments, Storage], "roll")]).await;
    let body = json!({
        "enabled": true,
        "version": "1.0.0",
        "grants": { "capabilities": ["storage", "payments"], "payments": { "per_invocation": "5", "per_day": null } },
        "settings": { "sides": "020" },
        "secrets": { "key": "hunter2" },
        "commands": { "roll": { "role": "vip", "cooldown": "90s", "aliases": ["w", "roll"] } },
    });
    let put = table.put(&table.own, &body).await;
    put.check(SET_UP);
    assert_eq!(put.header("etag"), "\"r2\"");
    let audit = table.site.ask("GET /api/v1/audit?limit=100", &table.own).await;
    assert!(!audit.body.contains("hunter2") && audit.body.contains("change-secret"), "{}", audit.show());
    let forget = json!({ "enabled": true, "version": "1.0.0", "secrets": { "key": null } });
    assert_eq!(table.put(&table.own, &forget).await.json()["secrets"], json!({ "key": false }));
    table.close().await;
}

#[tokio::test]
async fn what_is_shown_may_be_sent_back_and_changes_nothing() {
    let table = Table::with([dice("1.0.0", &[Capability::Storage], "roll")]).await;
    let set = json!({
        "enabled": true, "grants": { "capabilities": ["storage"] }, "settings": { "sides": "8" },
        "commands": { "roll": { "role": "vip" } },
    });
    for body in [Value::Null, set] {
        if !body.is_null() {
            assert_eq!(table.put(&table.own, &body).await.status, 200);
            table.publish(dice("2.0.0", &[Capability::Storage, Capability::Words], "roll")).await;
        }
        let before = table.show().await;
        let mut same = json!({});
        for field in ["enabled", "version", "grants", "settings", "commands"] {
            same[field] = before[field].clone();
        }
        let put = table.put(&table.own, &same).await;
        assert_eq!((put.status, put.json()), (200, before));
    }
    let list = format!("GET {}/modules?limit=100", shop());
    for module in table.site.ask(&list, &table.own).await.json()["items"].as_array().unwrap() {
        let path = format!("{}/modules/{}", shop(), module["name"].as_str().unwrap());
        let before = table.site.ask(&format!("GET {path}"), &table.own).await.json();
        let mut same = json!({});
        for field in ["enabled", "version", "grants", "settings", "commands"] {
            same[field] = before[field].clone();
        }
        let put = table.site.send(&format!("PUT {path}"), &table.own, &[("if-match", "*")], &same.to_string()).await;
        assert_eq!((put.status, put.json()), (200, before));
    }
    table.close().await;
}

#[tokio::test]
async fn settings_are_checked_against_the_modules_own_schema() {
    let table = Table::with([dice("1.0.0", &[], "roll")]).await;
    let body = json!({ "enabled": true, "settings": { "sides": "1", "no-such": "1" } });
    table.put(&table.own, &body).await.check(
        r#"422 application/problem+json
        {
          "code": "invalid_setting",
          "detail": "Not as the module has it: settings.no-such should be one of its settings; settings.sides should be a whole number from 2 to 100.",
          "errors": [
            {
              "detail": "should be one of its settings",
              "field": "settings.no-such"
            },
            {
              "detail": "should be a whole number from 2 to 100",
              "field": "settings.sides"
            }
          ],
          "status": 422,
          "title": "Unprocessable Entity",
          "type": "urn:twitchy:problem:invalid_setting"
        }"#,
    );
    let refused = [
        (json!({ "enabled": true, "settings": { "no-such": "1" } }), "unknown_setting"),
        (json!({ "enabled": true, "settings": { "key": "hunter2" } }), "invalid_setting"),
        (json!({ "enabled": true, "commands": { "no-such": {} } }), "unknown_setting"),
        (json!({ "enabled": true, "commands": { "roll": { "aliases": [] } } }), "invalid_setting"),
        (json!({ "enabled": true, "commands": { "roll": { "role": "king", "cooldown": "1" } } }), "invalid_values"),
        (json!({ "enabled": true, "secrets": { "sides": "8" } }), "unknown_setting"),
        (json!({ "enabled": true, "secrets": { "key": "" } }), "invalid_setting"),
        (json!({ "enabled": true, "secrets": { "key": "x".repeat(4097) } }), "invalid_setting"),
        (json!({ "enabled": true, "grants": { "capabilities": ["magic"] } }), "invalid_values"),
        (
            json!({ "enabled": true, "grants": { "capabilities": [], "payments": { "per_day": "-1" } } }),
            "invalid_values",
        ),
        (json!({ "enabled": true, "grants": { "capabilities": ["storage"] } }), "not_requested"),
        (json!({ "enabled": true, "grants": { "capabilities": [], "http_hosts": ["c.example"] } }), "not_requested"),
        (json!({ "enabled": true, "version": "newest" }), "invalid_values"),
        (json!({ "enabled": true, "version": "7.0.0" }), "unknown_version"),
        (json!({ "enabled": true, "accept": "7.0.0" }), "version_not_due"),
        (json!({ "version": "latest" }), "invalid_body"),
    ];
    for (body, code) in refused {
        assert_eq!(table.put(&table.own, &body).await.code(), code, "{body}");
    }
    let there = table.show().await;
    assert_eq!(
        (&there["revision"], &there["running"], &there["secrets"]["key"]),
        (&json!(1), &json!(false), &json!(false))
    );
    table.close().await;
}

#[tokio::test]
async fn what_reaches_beyond_the_channel_is_the_operators_to_grant() {
    use Capability::{Http, Treasury};
    let table = Table::with([dice("1.0.0", &[Http, Treasury], "roll")]).await;
    let caps = json!({ "per_invocation": "5", "per_chatter": "5", "per_day": "5" });
    let all = json!({
        "enabled": true,
        "grants": { "capabilities": ["http", "treasury"], "http_hosts": ["a.example"], "treasury": caps },
    });
    let told =
        "403 needs_operator: Only the operator grants http, treasury, the web host a.example, higher caps on treasury.";
    assert_eq!(table.refused(&table.own, &all).await, told);
    let bare = json!({ "enabled": true });
    let missing = "409 needs_grant: It does not run without a grant of http, treasury.";
    assert_eq!(table.refused(&table.own, &bare).await, missing);
    assert_eq!(table.show().await["missing_grants"], json!(["http", "treasury"]));
    assert_eq!(table.put(&table.site.operator, &all).await.json()["running"], json!(true));
    let mut more = all.clone();
    more["grants"]["http_hosts"] = json!(["a.example", "b.example"]);
    assert_eq!(table.put(&table.own, &more).await.code(), "needs_operator");
    // The creator may keep what the operator granted, and may lower it.
    let mut less = all.clone();
    less["grants"]["treasury"]["per_day"] = json!("4");
    assert_eq!(table.put(&table.own, &all).await.status, 200);
    assert_eq!(table.put(&table.own, &less).await.status, 200);
    assert_eq!(table.put(&table.own, &all).await.code(), "needs_operator");
    table.close().await;
}

#[tokio::test]
async fn a_version_that_asks_for_more_waits_until_it_is_accepted_and_is_rolled_back_in_one_request() {
    let table = Table::with([dice("1.0.0", &[], "roll")]).await;
    assert_eq!(table.put(&table.own, &json!({ "enabled": true })).await.status, 200);
    table.publish(dice("1.1.0", &[], "roll")).await;
    assert_eq!(table.show().await["running_version"], "1.1.0", "it asks for no more");
    table.publish(dice("2.0.0", &[Capability::Storage], "throw")).await;
    let waits = table.show().await;
    assert_eq!((&waits["running_version"], &waits["latest"]), (&json!("1.1.0"), &json!("2.0.0")));
    assert_eq!(waits["missing_grants"], json!(["storage"]));
    let asks = json!(["it asks for the capability storage", "it answers to the word throw"]);
    assert_eq!(waits["waiting"], json!({ "version": "2.0.0", "asks_more": asks }));
    let accept = json!({ "enabled": true, "accept": "2.0.0", "grants": { "capabilities": ["storage"] } });
    let accepted = table.put(&table.own, &accept).await.json();
    assert_eq!((&accepted["running_version"], &accepted["waiting"]), (&json!("2.0.0"), &json!(null)));

    let back =
        async |body: &str| table.site.send(&format!("POST {}/rollback", table.path), &table.own, &[], body).await;
    // Each roll-back goes one version further down.
    for version in ["1.1.0", "1.0.0"] {
        let before = back("{}").await.json();
        assert_eq!((&before["running_version"], &before["version"]), (&json!(version), &json!(version)), "{before}");
    }
    assert_eq!(back("{}").await.code(), "nothing_before");
    assert_eq!(back(r#"{"to": "3.0.0"}"#).await.code(), "unknown_version");
    assert_eq!(back(r#"{"to": "three"}"#).await.code(), "invalid_values");
    assert_eq!(back(r#"{"to": "2.0.0"}"#).await.json()["running_version"], "2.0.0");
    let audit = table.site.ask("GET /api/v1/audit?action=pin-version", &table.own).await.json();
    let changes: Vec<_> = audit["items"].as_array().unwrap().iter().map(|line| line["after"].clone()).collect();
    assert_eq!(changes, [json!("2.0.0"), json!("1.0.0"), json!("1.1.0")]);
    table.close().await;
}

#[tokio::test]
async fn a_word_of_two_modules_is_told_with_both_and_solved_by_another_word() {
    let table = Table::with([dice("1.0.0", &[], "roll")]).await;
    let other =
        Manifest { name: "cubes".parse().unwrap(), digest: ModuleDigest([1; 32]), ..dice("1.0.0", &[], "roll") };
    table.publish(other).await;
    assert_eq!(table.put(&table.own, &json!({ "enabled": true })).await.status, 200);
    let cubes = Table { path: format!("{}/modules/cubes", shop()), ..table };
    let told = "409 word_taken: The module cubes would answer to roll, which calls dice here: give one of the two commands other \
                words, in its aliases.";
    assert_eq!(cubes.refused(&cubes.own, &json!({ "enabled": true })).await, told);
    let solved = json!({ "enabled": true, "commands": { "roll": { "aliases": ["cube"] } } });
    assert_eq!(cubes.put(&cubes.own, &solved).await.json()["running"], json!(true));
    cubes.close().await;
}

#[tokio::test]
async fn a_module_is_disabled_and_some_cannot_be() {
    let table = Table::with([dice("1.0.0", &[], "roll")]).await;
    let on = json!({ "enabled": true, "settings": { "sides": "8" } });
    assert_eq!(table.put(&table.own, &on).await.status, 200);
    for _ in 0..2 {
        let off = table.site.ask(&format!("DELETE {}", table.path), &table.own).await;
        assert_eq!((off.status, &off.json()["enabled"], &off.json()["revision"]), (200, &json!(false), &json!(3)));
        assert_eq!(off.json()["settings"], json!({ "sides": "8" }));
    }
    let settings = format!("{}/modules/settings", shop());
    let refused = table.site.ask(&format!("DELETE {settings}"), &table.site.operator).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "always_on"));
    let fixed = json!({ "enabled": true, "grants": { "capabilities": [] } }).to_string();
    let refused = table.site.send(&format!("PUT {settings}"), &table.site.operator, &[("if-match", "*")], &fixed).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "fixed_grants"));
    for (method, body) in [("GET", ""), ("DELETE", ""), ("PUT", "{\"enabled\": true}")] {
        let request = format!("{method} {}/modules/no-such", shop());
        let unknown = table.site.send(&request, &table.own, &[("if-match", "*")], body).await;
        assert_eq!((unknown.status, unknown.code().as_str()), (404, "unknown_module"), "{request}");
    }
    table.close().await;
}

#[tokio::test]
async fn a_change_of_what_was_not_read_is_refused_and_one_of_two_racing_ones_wins() {
    let table = Table::with([dice("1.0.0", &[], "roll")]).await;
    let put = async |if_match: &[(&str, &str)], sides: &str| {
        let body = json!({ "enabled": true, "settings": { "sides": sides } }).to_string();
        table.site.send(&format!("PUT {}", table.path), &table.own, if_match, &body).await
    };
    assert_eq!(put(&[], "8").await.code(), "precondition_required");
    assert_eq!(put(&[("if-match", "\"r7\"")], "8").await.code(), "precondition_failed");
    let read: &[(&str, &str)] = &[("if-match", "\"r1\"")];
    let both = tokio::join!(put(read, "8"), put(read, "10"));
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    // With `*`, the slower request is not refused.
    let any: &[(&str, &str)] = &[("if-match", "*")];
    let both = tokio::join!(put(any, "12"), put(any, "20"));
    assert_eq!([both.0.status, both.1.status], [200, 200]);
    table.close().await;
}
