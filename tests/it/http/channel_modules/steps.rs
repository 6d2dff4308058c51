//! Roll-backs in a channel over HTTP.

use serde_json::json;
use twitchy::domain::manifest::Capability;
use twitchy::domain::role::Role;
use twitchy::transcript::Heard;

use super::{Table, dice};
use crate::harness::message;

#[tokio::test]
async fn what_was_switched_off_from_chat_is_what_a_roll_back_goes_to() {
    let table = Table::with([dice("1.0.0", &[], "roll")]).await;
    assert_eq!(table.put(&table.own, &json!({ "enabled": true })).await.status, 200);
    let say = async |id, text| {
        let said = message("shop", Role::Broadcaster, "shop", id, text);
        assert!(matches!(table.site.house.hear(said).await, Heard::Replies(_)), "{text}");
    };
    say(1, "!settings disable dice").await;
    for version in ["1.1.0", "1.2.0"] {
        table.publish(dice(version, &[], "roll")).await;
    }
    say(2, "!settings enable dice").await;
    assert_eq!(table.show().await["running_version"], "1.2.0");
    let back = table.site.send(&format!("POST {}/rollback", table.path), &table.own, &[], "{}").await.json();
    assert_eq!(back["running_version"], "1.0.0");
    table.close().await;
}

#[tokio::test]
async fn a_roll_back_goes_over_a_version_that_never_ran_here() {
    let table = Table::with([dice("1.0.0", &[], "roll")]).await;
    assert_eq!(table.put(&table.own, &json!({ "enabled": true })).await.status, 200);
    for version in ["2.0.0", "1.5.0"] {
        table.publish(dice(version, &[], "roll")).await;
    }
    assert_eq!(table.show().await["running_version"], "2.0.0");
    let back = async |body| table.site.send(&format!("POST {}/rollback", table.path), &table.own, &[], body).await;
    let one = back("{}").await.json();
    assert_eq!((&one["running_version"], &one["version"]), (&json!("1.0.0"), &json!("1.0.0")));
    assert_eq!(back("{}").await.code(), "nothing_before", "and not up again");
    table.close().await;
}

#[tokio::test]
async fn what_is_taken_back_is_a_line_of_the_audit_and_one_more_for_all_older_versions() {
    use Capability::{Http, Payments, Storage};
    let table = Table::with([]).await;
    for (version, asks) in
        [("1.0.0", vec![Storage]), ("1.1.0", vec![Http, Storage]), ("1.2.0", vec![Payments, Storage])]
    {
        table.publish(dice(version, &asks, "roll")).await;
        let names: Vec<_> = asks.iter().map(|capability| capability.as_str()).collect();
        let on = json!({ "enabled": true, "version": version, "grants": { "capabilities": names } });
        assert_eq!(table.put(&table.site.operator, &on).await.status, 200);
    }
    let taken = json!({ "enabled": false, "version": "1.2.0", "grants": { "capabilities": [] } });
    assert_eq!(table.put(&table.own, &taken).await.status, 200);
    let audit = table.site.ask("GET /api/v1/audit?subject=dice&limit=3", &table.site.operator).await.json();
    let lines = audit["items"].as_array().unwrap().iter();
    let lines: Vec<_> = lines.map(|line| [line["action"].as_str().unwrap(), line["after"].as_str().unwrap()]).collect();
    assert_eq!(lines[0], ["switch-module", "off"]);
    assert_eq!(lines[1][0], "accept-version");
    assert_eq!(lines[2], ["narrow-grants", "1.0.0: nothing | 1.1.0: http"]);
    table.close().await;
}
