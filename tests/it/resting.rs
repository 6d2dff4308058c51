//! Modules that the fuse switched off and that come back by themselves.

use std::sync::Arc;
use std::time::Duration;

use twitchy::chat::dispatch::Dispatch;
use twitchy::chat::dispatch::call::{CallError, HttpCall};
use twitchy::config::FuseConfig;
use twitchy::domain::audit::{Actor, AuditFilter};
use twitchy::sandbox::call::InvokeError;
use twitchy::telemetry::HostEvent;
use twitchy::telemetry::listening::{Listening, Received};

use super::calls::{call, claiming};
use super::harness::{House, channel_id, header, login, patient};

/// Starts dispatch anew on the same store, as a restarted host does.
fn restart(house: &House) -> Arc<Dispatch> {
    Arc::new(house.start_dispatch(FuseConfig::default()))
}

async fn break_it(house: &House, round: &str) {
    for name in ["alice", "bob", "carol", "dan", "erin"] {
        let id = format!("{name} {round}");
        let broken = house.dispatch.call(HttpCall { ..claiming(name, call(&id, "traps", &[])) }).await;
        assert!(matches!(broken, Err(CallError::Broken(InvokeError::Trap(_)))), "{broken:?}");
    }
}

/// The changes of modules in the events so far.
async fn changes(house: &House, events: &mut Listening<HostEvent>) -> Vec<&'static str> {
    // Events keep their order, so this one comes after all earlier ones.
    house.telemetry.note(HostEvent::Connection { account: "mybot".into(), state: "online" });
    let mut changes = Vec::new();
    loop {
        match events.next().await {
            Some(Received::Event(event)) => match &*event {
                HostEvent::Module { change, channel, .. } => {
                    assert_eq!(*channel, Some(channel_id(&login("shop"))));
                    changes.push(change.as_str());
                }
                HostEvent::Invocation(_) => {}
                HostEvent::Connection { .. } => return changes,
            },
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_module_that_comes_back_by_itself_is_told_of_once_and_its_pauses_still_grow() {
    let headers = header("shop", &[("configured", "traps"), ("fuse", "restores")]);
    let house = House::open(&[&headers], patient()).await;
    let mut events = house.telemetry.listen();
    house.dispatch.keep_up().await;
    break_it(&house, "first").await;
    for (passed, expected) in [(0, vec!["blown"]), (599, vec![]), (1, vec!["restored"]), (1, vec![]), (600, vec![])] {
        house.clock.advance(Duration::from_secs(passed));
        house.dispatch.keep_up().await;
        assert_eq!(changes(&house, &mut events).await, expected, "after {passed} s");
    }
    break_it(&house, "second").await;
    house.clock.advance(Duration::from_secs(3599));
    house.dispatch.keep_up().await;
    assert_eq!(changes(&house, &mut events).await, ["blown"]);
    // The pause ends while no host runs. The next host reports the restored module, the one after it does not.
    house.clock.advance(Duration::from_secs(1));
    for expected in [vec!["restored"], vec![]] {
        restart(&house).keep_up().await;
        assert_eq!(changes(&house, &mut events).await, expected);
    }
    let filter = AuditFilter { action: Some("restore-fuse".into()), ..AuditFilter::default() };
    let audited = house.store.host.list_audit(&filter, None, 10).await.unwrap();
    let afters: Vec<_> = audited.iter().filter_map(|entry| Some(entry.change.after.as_ref()?.to_string())).collect();
    assert!(audited.iter().all(|entry| entry.stamp.by == Actor::Host), "{audited:?}");
    assert!(afters.len() == 2 && afters.iter().all(|after| after.ends_with("back by itself")), "{afters:?}");
    assert!(afters[0].contains("blown 2 times") && afters[1].contains("blown 1 times"), "{afters:?}");
    house.close().await;
}

#[tokio::test]
async fn a_module_that_was_restored_by_hand_is_not_told_of_again() {
    let headers = header("shop", &[("configured", "traps"), ("fuse", "restores")]);
    let house = House::open(&[&headers], patient()).await;
    house.dispatch.keep_up().await;
    break_it(&house, "first").await;
    let shop =
        super::harness::message("shop", twitchy::domain::role::Role::Broadcaster, "shop", 1, "!settings enable traps");
    assert!(matches!(house.hear(shop).await, twitchy::transcript::Heard::Replies(_)));
    let mut events = house.telemetry.listen();
    house.clock.advance(Duration::from_secs(601));
    house.dispatch.keep_up().await;
    assert_eq!(changes(&house, &mut events).await, [""; 0]);
    house.close().await;
}
