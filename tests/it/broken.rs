//! Modules that break: each first fault is reported with its reason, however many other modules broke a moment before.

use std::time::Duration;

use twitchy::chat::dispatch::call::{CallError, HttpCall};
use twitchy::domain::id::ModuleName;
use twitchy::domain::role::Role;
use twitchy::sandbox::call::InvokeError;
use twitchy::telemetry::HostEvent;
use twitchy::telemetry::lines::LineLevel;
use twitchy::telemetry::listening::{Listening, Received as Listened};
use twitchy::transcript::Heard;

use super::calls::call;
use super::harness::{House, channel_id, header, login, message, patient};
use super::sandbox::logs::{capture, records_of};

/// Guests that break, each with the reason that its author and the channel's creator read.
const BROKEN: [(&str, &str); 4] = [
    ("grabs-memory", "the module asked for more memory than it may have"),
    ("huge-reply", "the module trapped: more bytes were copied between the host and the module than one call may copy"),
    ("loops-forever", "the module used up its processor time"),
    ("traps", "the module trapped: wasm trap: wasm `unreachable` instruction executed"),
];

async fn open(channel: &str) -> House {
    let names = BROKEN.map(|(name, _)| name).join(", ");
    House::open(&[&header(channel, &[("configured", &names)])], patient()).await
}

async fn ask(house: &House, channel: &str, chatter: &str, number: usize, name: &str) -> Heard {
    house.hear(message(channel, Role::Everyone, chatter, number, &format!("!{name}"))).await
}

/// Stops the processor clock. For the endless module, each reading uses up the whole budget.
fn step_for(house: &House, name: &str) {
    let is_endless = name == "loops-forever";
    house.clock.step_processor(if is_endless { patient().cpu_budget } else { Duration::ZERO });
}

/// The reason in the event of the next invocation.
async fn next_reason(events: &mut Listening<HostEvent>) -> Option<String> {
    loop {
        match events.next().await {
            Some(Listened::Event(event)) => {
                if let HostEvent::Invocation(report) = &*event {
                    return report.reason.as_deref().map(str::to_owned);
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The module's last log line about a fault.
fn last_trap(house: &House, name: &str) -> String {
    let name: ModuleName = name.parse().unwrap();
    let page = house.telemetry.lines.list(&name, None, 0, 100);
    let last = page.lines.iter().rfind(|line| line.level == LineLevel::Trap).unwrap();
    last.text.to_string()
}

#[tokio::test]
async fn the_first_fault_of_each_module_is_told_in_chat_log_events_and_its_own_log() {
    capture();
    let channel = "fourbroken";
    let house = open(channel).await;
    let mut events = house.telemetry.listen();
    for (number, (name, reason)) in BROKEN.into_iter().enumerate() {
        step_for(&house, name);
        let told = ask(&house, channel, "alice", number, name).await;
        assert_eq!(
            told,
            Heard::Replies(vec!["@alice sorry, something went wrong with this command".to_owned()]),
            "{name}"
        );
        assert_eq!(next_reason(&mut events).await.as_deref(), Some(reason));
        assert!(last_trap(&house, name).starts_with(reason), "{}", last_trap(&house, name));
        let records = records_of(channel_id(&login(channel)));
        let is_told =
            |record: &String| record.contains("a module broke") && record.contains(&format!("module={name} "));
        assert_eq!(records.iter().filter(|record| is_told(record)).count(), 1, "{name}: {records:?}");
        // A second fault of the same kind is reported to the module's author only.
        let again = ask(&house, channel, "bob", 10 + number, name).await;
        assert_eq!(again, Heard::Nothing(Some("apologised lately".to_owned())), "{name}");
        assert_eq!(next_reason(&mut events).await.as_deref(), Some(reason));
        let records = records_of(channel_id(&login(channel)));
        assert_eq!(records.iter().filter(|record| is_told(record)).count(), 1, "{name}: {records:?}");
    }
    step_for(&house, "traps");
    house.clock.advance(Duration::from_secs(60));
    let later = ask(&house, channel, "carol", 20, "traps").await;
    assert!(matches!(later, Heard::Replies(_)), "{later:?}");
    house.close().await;
}

#[tokio::test]
async fn a_module_that_is_not_run_for_want_of_credit_says_so_in_its_log() {
    let limits = twitchy::config::SandboxConfig {
        credit: Duration::from_nanos(1),
        credit_window: Duration::from_secs(3600),
        ..patient()
    };
    let house = House::open(&[&header("shop", &[("configured", "echo")])], limits).await;
    let mut events = house.telemetry.listen();
    house.clock.step_processor(Duration::from_micros(1));
    for (number, expected) in [(0, None), (1, Some("the module used up its processor time"))] {
        let asked = message("shop", Role::Everyone, "alice", number, "!echo a");
        house.dispatch.answer(asked).await.ok();
        assert_eq!(next_reason(&mut events).await.as_deref(), expected);
    }
    assert!(last_trap(&house, "echo").contains("was not run"), "{}", last_trap(&house, "echo"));
    house.close().await;
}

/// The guest logs nothing and does not trap by itself, so the reason is the only information for its author.
#[tokio::test]
async fn a_reply_that_is_too_long_is_told_in_the_modules_own_log() {
    let limits = twitchy::config::SandboxConfig { reply_length: 4, ..patient() };
    let house = House::open(&[&header("shop", &[("configured", "echo")])], limits).await;
    let mut events = house.telemetry.listen();
    ask(&house, "shop", "alice", 0, "echo hello").await;
    let reason = "the module trapped: a reply of more than 4 characters";
    assert_eq!(next_reason(&mut events).await.as_deref(), Some(reason));
    assert_eq!(last_trap(&house, "echo"), reason);
    house.close().await;
}

#[tokio::test]
async fn a_dry_run_tells_why_the_module_broke() {
    let house = open("shop").await;
    for (name, reason) in BROKEN {
        step_for(&house, name);
        let called = house.dispatch.call(HttpCall { is_dry_run: true, ..call(name, name, &[]) }).await;
        let Err(CallError::Broken(error)) = called else { panic!("{called:?}") };
        assert_eq!(error.reason(), reason);
        assert!(last_trap(&house, name).starts_with(reason));
    }
    assert_eq!(InvokeError::Host("a path".to_owned()).reason(), "the host is at fault; its log says why");
    house.close().await;
}
