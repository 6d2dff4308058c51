//! Calls of commands over HTTP: the same path as a chat message, with an answer for each refusal.

use std::sync::Arc;
use std::time::Duration;

use twitchy::chat::dispatch::call::{Arguments, CallError, CallResult, HttpCall};
use twitchy::chat::dispatch::refusal::Refusal;
use twitchy::config::FuseConfig;
use twitchy::domain::effect::{Effect, ModuleEffect, StorageEffect};
use twitchy::domain::id::{ChannelId, MessageId, ModuleName};
use twitchy::domain::manifest::Grants;
use twitchy::domain::message::{ChatMessage, Chatter, Reply};
use twitchy::domain::report::{Fault, Outcome};
use twitchy::domain::role::Role;
use twitchy::sandbox::call::InvokeError;
use twitchy::setup::changing::ChangeSetupError;
use twitchy::setup::channel::ChannelSetup;
use twitchy::telemetry::HostEvent;
use twitchy::telemetry::listening::Received as Listened;
use twitchy::testing::chatter;

use crate::harness::{House, channel_id, chatter_id, header, login, message, patient};

/// A call in `#shop` by a key that claims to act for alice.
pub(crate) fn call(id: &str, word: &str, arguments: &[&str]) -> HttpCall {
    HttpCall {
        id: id.into(),
        channel: channel_id(&login("shop")),
        word: word.into(),
        arguments: Arguments::List(arguments.iter().map(|&argument| argument.to_owned()).collect()),
        chatter: chatter(chatter_id(&login("alice")), "alice", Role::Everyone),
        is_proven: false,
        caller: "0123456789ab".parse().expect("it is 12 digits"),
        caller_name: "overlay".into(),
        address: None,
        is_dry_run: false,
        traced_below: None,
        is_delivered: false,
    }
}

pub(crate) fn claiming(name: &str, call: HttpCall) -> HttpCall {
    let login = login(name);
    HttpCall { chatter: Chatter { id: chatter_id(&login), login, ..call.chatter }, ..call }
}

fn answered(called: Result<CallResult, CallError>) -> (Outcome, Vec<Reply>) {
    let called = called.expect("it is answered");
    (called.outcome, called.replies)
}

fn answer(text: &str) -> Vec<Reply> {
    vec![Reply::Answer(text.to_owned())]
}

#[tokio::test]
async fn a_call_is_answered_as_in_chat_and_takes_the_same_cooldown() {
    let house = House::with_guests(&[]).await;
    let balance = || house.dispatch.call(call("a", "Points", &[]));
    assert_eq!(answered(balance().await), (Outcome::Answered, answer("you have 0 points")));
    let left = match balance().await {
        Err(CallError::Refused(Refusal::Cooldown(left))) => left,
        other => panic!("{other:?}"),
    };
    assert_eq!(left, Duration::from_secs(3));
    let in_chat = message("shop", Role::Everyone, "alice", 1, "!balance");
    assert_eq!(house.hear(in_chat).await, twitchy::transcript::Heard::Nothing(Some("cooldown".to_owned())));
    house.close().await;
}

#[tokio::test]
async fn each_refusal_has_its_cause() {
    let house = House::with_guests(&["refuses", "loops-forever"]).await;
    let dispatch = &house.dispatch;
    let elsewhere = HttpCall { channel: channel_id(&login("nowhere")), ..call("1", "balance", &[]) };
    assert_eq!(dispatch.call(elsewhere).await, Err(CallError::UnknownChannel));
    assert_eq!(dispatch.call(call("2", "nothing", &[])).await, Err(CallError::UnknownWord));
    let long = HttpCall { arguments: Arguments::Text("x".repeat(501)), ..call("3", "balance", &[]) };
    assert_eq!(dispatch.call(long).await, Err(CallError::TooLong));
    let refused = answered(dispatch.call(call("5", "balance", &["a", "b"])).await);
    assert_eq!(refused.0, Outcome::Usage);
    house.clock.step_processor(patient().cpu_budget);
    let fault = dispatch.call(call("6", "loops-forever", &[])).await;
    house.clock.stop_processor();
    assert_eq!(fault, Err(CallError::Broken(InvokeError::Cpu)));
    house.hear(message("shop", Role::Broadcaster, "shop", 1, "!settings mute 10m")).await;
    assert_eq!(dispatch.call(call("7", "balance", &[])).await, Err(CallError::Refused(Refusal::Muted)));
    house.close().await;
}

#[tokio::test]
async fn a_repeated_id_gets_the_first_answer_and_changes_nothing() {
    let house = House::with_guests(&["counter"]).await;
    let count = |id: &str| house.dispatch.call(call(id, "count", &[]));
    assert_eq!(answered(count("a").await), (Outcome::Answered, vec![Reply::Answer("count is 1".to_owned())]));
    assert_eq!(answered(count("a").await), (Outcome::Duplicate, vec![Reply::Answer("count is 1".to_owned())]));
    assert_eq!(answered(count("b").await), (Outcome::Answered, vec![Reply::Answer("count is 2".to_owned())]));
    house.close().await;
}

#[tokio::test]
async fn a_dry_run_tells_what_would_change_and_changes_nothing() {
    let house = House::with_guests(&["counter"]).await;
    for id in ["a", "a", "b"] {
        let called = house.dispatch.call(HttpCall { is_dry_run: true, ..call(id, "count", &[]) }).await;
        let called = called.expect("it is answered");
        assert_eq!(called.replies, [Reply::Answer("count is 1".to_owned())]);
        assert!(
            matches!(&called.changes[..], [Effect::Storage(_, StorageEffect::Save { key, .. })] if key == "count"),
            "{called:?}"
        );
    }
    let called = house.dispatch.call(call("a", "count", &[])).await.expect("it is answered");
    assert_eq!((called.outcome, called.changes), (Outcome::Answered, Vec::new()));
    assert_eq!(called.replies, [Reply::Answer("count is 1".to_owned())]);
    house.close().await;
}

#[tokio::test]
async fn a_dry_run_takes_no_cooldown_and_heeds_one() {
    let house = House::with_guests(&[]).await;
    let try_out = |id: &str| house.dispatch.call(HttpCall { is_dry_run: true, ..call(id, "balance", &[]) });
    assert!(try_out("a").await.is_ok() && try_out("b").await.is_ok());
    assert!(house.dispatch.call(call("c", "balance", &[])).await.is_ok());
    assert!(matches!(try_out("d").await, Err(CallError::Refused(Refusal::Cooldown(_)))));
    house.close().await;
}

#[tokio::test]
async fn a_claim_spends_no_money_and_the_proven_chatter_does() {
    let house = House::with_guests(&["transfers"]).await;
    let shop = channel_id(&login("shop"));
    let hundred = "100".parse().expect("a decimal number");
    house.store.seed_balance(shop, chatter_id(&login("alice")), hundred).await.expect("the store is open");
    let claim = answered(house.dispatch.call(call("a", "charge", &["5"])).await);
    let sentence = "only the chatter may ask for this: in chat, or logged in as themselves";
    assert_eq!(claim, (Outcome::Refused, answer(sentence)));
    let proven = HttpCall { is_proven: true, ..call("b", "charge", &["5"]) };
    assert_eq!(answered(house.dispatch.call(proven).await), (Outcome::Answered, answer("left: 95")));
    house.close().await;
}

/// Accepts and enables the uploaded module `traps`.
async fn enable_traps(house: &House, channel: ChannelId) {
    let enable = |setup: &ChannelSetup| -> Result<Vec<Effect>, ChangeSetupError> {
        let module: ModuleName = "traps".parse().unwrap();
        let digest = setup.catalogue().find(&module).unwrap().latest().unwrap().digest;
        let accept = Effect::Module(module.clone(), ModuleEffect::AcceptVersion { digest, grants: Grants::default() });
        Ok(vec![accept, Effect::Module(module, ModuleEffect::Switch { enabled: true })])
    };
    house.setup.change(channel, house.stamp(), enable).await.unwrap();
}

#[tokio::test]
async fn a_new_version_that_blows_in_three_channels_is_withdrawn_where_it_is_configured_so() {
    let headers = ["shop", "cafe", "market"].map(|channel| header(channel, &[("uploaded", "traps")]));
    let house = House::open(&headers.each_ref(), patient()).await;
    for channel in ["shop", "cafe", "market"] {
        enable_traps(&house, channel_id(&login(channel))).await;
    }
    let rules = FuseConfig { roll_back: true, ..FuseConfig::default() };
    let dispatch = Arc::new(house.start_dispatch(rules));
    let is_on_air = || house.setup.catalogue().find(&"traps".parse().unwrap()).unwrap().latest().is_some();
    let mut events = house.telemetry.listen();
    for is_claimed in [true, false] {
        for channel in ["shop", "cafe", "market"] {
            assert!(is_on_air());
            for number in 0..5 {
                let name = format!("{channel}{number}");
                if is_claimed {
                    let call = claiming(&name, call(&name, "traps", &[]));
                    let call = HttpCall { channel: channel_id(&login(channel)), ..call };
                    let broken = dispatch.call(call).await;
                    assert!(matches!(broken, Err(CallError::Broken(InvokeError::Trap(_)))), "{broken:?}");
                } else {
                    let said = message(channel, Role::Everyone, &name, 0, "!traps");
                    let said = ChatMessage { id: MessageId(name.into()), ..said };
                    drop(dispatch.answer(said).await);
                }
            }
            house.clock.advance(Duration::from_secs(1));
            let enable = message(channel, Role::Broadcaster, channel, 0, "!settings enable traps");
            let id = format!("{channel} {is_claimed}").into();
            assert!(dispatch.answer(ChatMessage { id: MessageId(id), ..enable }).await.is_ok());
        }
    }
    assert!(!is_on_air());
    let mut changes = Vec::new();
    while changes.last() != Some(&"withdrawn") {
        match events.next().await {
            Some(Listened::Event(event)) => match &*event {
                HostEvent::Module { change, .. } => changes.push(change.as_str()),
                HostEvent::Invocation(_) | HostEvent::Connection { .. } => {}
            },
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(changes[6..], ["blown_everywhere", "withdrawn"], "{changes:?}");
    house.close().await;
}

#[tokio::test]
async fn faults_over_http_blow_the_fuse_too_but_not_those_of_dry_runs() {
    let house = House::open(&[&header("shop", &[("configured", "traps")])], patient()).await;
    let mut events = house.telemetry.listen();
    let names = ["alice", "bob", "carol", "dan", "erin"];
    for is_dry_run in [true, false] {
        for name in names {
            let called = house.dispatch.call(HttpCall { is_dry_run, ..claiming(name, call(name, "traps", &[])) }).await;
            assert!(matches!(called, Err(CallError::Broken(InvokeError::Trap(_)))), "{called:?}");
        }
    }
    assert_eq!(house.dispatch.call(call("z", "traps", &[])).await, Err(CallError::UnknownWord));
    let mut outcomes = Vec::new();
    let change = loop {
        match events.next().await {
            Some(Listened::Event(event)) => match &*event {
                HostEvent::Invocation(report) => {
                    assert!(report.usage.runs == 1 && report.usage.memory > 0, "{report:?}");
                    outcomes.push(report.outcome);
                }
                HostEvent::Module { change, channel, .. } => break (change.as_str(), *channel),
                HostEvent::Connection { .. } => {}
            },
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(outcomes, [Outcome::GuestFault(Fault::Trap); 10]);
    assert_eq!(change, ("blown", Some(channel_id(&login("shop")))));
    house.close().await;
}
