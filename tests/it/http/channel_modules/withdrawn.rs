//! Modules in a channel whose versions are taken off the air.

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
    let state = ["enabled", "running", "running_version", "latest"].map(|field| shown[field].clone());
    assert_eq!(state, [json!(true), json!(false), Value::Null, Value::Null]);
    assert_eq!(table.refused(&table.own, &on).await, format!("409 no_version: {why}"));
    let say = async |id, text| {
        let heard = table.site.house.hear(message("shop", Role::Broadcaster, "shop", id, text)).await;
        format!("{heard:?}")
    };
    let enabling = say(1, "!settings enable dice").await;
    assert!(enabling.contains("you can't change that here: every version of dice is withdrawn"), "{enabling}");
    let listed = say(2, "!help").await;
    assert!(!listed.contains("roll"), "{listed}");
    // Whoever has enough of it may still switch it off.
    assert_eq!(table.site.ask(&format!("DELETE {path}"), &table.own).await.json()["enabled"], false);
    table.close().await;
}
