//! Modules in a channel after their versions were withdrawn.

use serde_json::{Value, json};
use twitchy::domain::role::Role;

use super::{Table, dice};
use crate::harness::message;

#[tokio::test]
async fn a_module_without_a_version_on_the_air_says_so_where_it_was_on_and_where_it_was_not() {
    let table = Table::with([dice("1.0.0", &[], "roll")]).await;
    let on = json!({ "enabled": true });
    let withdraw = async || {
        let forced = table.site.ask("DELETE /api/v1/modules/dice?force=true", &table.site.operator).await;
        assert_eq!(forced.status, 200, "{}", forced.show());
    };
    withdraw().await;
    let path = &table.path;
    let why = "Every version of it is withdrawn: it is back when one is restored, or a new one is brought.";
    for request in
        [format!("GET {path}"), format!("PUT {path}"), format!("DELETE {path}"), format!("POST {path}/rollback")]
    {
        let body = if request.starts_with("PUT") { on.to_string() } else { "{}".to_owned() };
        let answer = table.site.send(&request, &table.own, &[("if-match", "*")], &body).await;
        assert_eq!((answer.status, answer.code()), (409, "no_version".to_owned()), "{request}");
        assert_eq!(answer.json()["detail"], why);
    }
    table.site.ask("POST /api/v1/modules/dice/versions/1.0.0/restore", &table.site.operator).await;
    assert_eq!(table.put(&table.own, &on).await.status, 200);
    withdraw().await;
    let shown = table.show().await;
    let state = ["enabled", "running", "running_version", "latest", "note"].map(|field| shown[field].clone());
    let note = "every version is withdrawn: it is back when one is restored, or a new one is brought";
    assert_eq!(state, [json!(true), json!(false), Value::Null, Value::Null, json!(note)]);
    assert_eq!(table.refused(&table.own, &on).await, format!("409 no_version: {why}"));
    let say = async |id, text| {
        let heard = table.site.house.hear(message("shop", Role::Broadcaster, "shop", id, text)).await;
        format!("{heard:?}")
    };
    let enabling = say(1, "!settings enable dice").await;
    assert!(enabling.contains("you can't change that here: every version of dice is withdrawn"), "{enabling}");
    let listed = say(2, "!help").await;
    assert!(!listed.contains("roll"), "{listed}");
    // A broadcaster may still disable the module.
    assert_eq!(table.site.ask(&format!("DELETE {path}"), &table.own).await.json()["enabled"], false);
    table.close().await;
}

#[tokio::test]
async fn a_pin_on_a_withdrawn_version_says_what_runs_instead() {
    let table = Table::with(["1.0.0", "1.1.0", "1.2.0", "3.0.0"].map(|version| dice(version, &[], "roll"))).await;
    assert_eq!(table.put(&table.own, &json!({ "enabled": true, "version": "1.2.0" })).await.status, 200);
    assert_eq!(table.show().await["note"], Value::Null);
    let states = async |request: &str| {
        let path = format!("{request}/api/v1/modules/dice/versions/1.2.0");
        let path = if request.starts_with("POST") { format!("{path}/restore") } else { format!("{path}?force=true") };
        assert_eq!(table.site.ask(&path, &table.site.operator).await.status, 200);
        let shown = table.show().await;
        ["version", "running_version", "waiting", "note"].map(|field| shown[field].clone())
    };
    let note = "version 1.2.0 is withdrawn: 1.1.0, the nearest one, takes its place until it is restored";
    assert_eq!(states("DELETE ").await, [json!("1.2.0"), json!("1.1.0"), Value::Null, json!(note)]);
    assert_eq!(states("POST ").await, [json!("1.2.0"), json!("1.2.0"), Value::Null, Value::Null]);
    table.close().await;
}
