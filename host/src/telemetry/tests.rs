use super::listening::Received;
use super::*;
use crate::domain::id::Origin;

fn online(account: &str) -> HostEvent {
    HostEvent::Connection { account: account.into(), state: "online" }
}

fn id(id: &str) -> InvocationId {
    InvocationId { origin: Origin::Chat, id: id.into() }
}

#[tokio::test]
async fn a_listener_that_is_too_slow_learns_how_much_it_missed() {
    let telemetry = Telemetry::default();
    telemetry.note(online("before"));
    let mut listening = telemetry.listen();
    (0..EVENTS + 3).for_each(|n| telemetry.note(online(&n.to_string())));
    assert_eq!(listening.next().await, Some(Received::Missed(3)));
    assert_eq!(listening.next().await, Some(Received::Event(Arc::new(online("3")))));
    drop(telemetry);
    for _ in 4..EVENTS + 3 {
        assert!(listening.next().await.is_some());
    }
    assert_eq!(listening.next().await, None);
}

#[tokio::test]
async fn a_text_is_taken_only_for_a_channel_that_somebody_listens_to() {
    let telemetry = Telemetry::default();
    let unheard = || panic!("nobody listens");
    telemetry.note_text(&id("1"), ChannelId(1), unheard);
    let mut listening = telemetry.listen_to_texts(ChannelId(1));
    telemetry.note_text(&id("2"), ChannelId(2), unheard);
    telemetry.note_text(&id("3"), ChannelId(1), || "dice 20".into());
    let said = CallText { invocation: id("3"), channel: ChannelId(1), text: "dice 20".into() };
    assert!(!format!("{said:?}").contains("dice"));
    assert_eq!(listening.next().await, Some(Received::Event(Arc::new(said))));
    drop(listening);
    telemetry.note_text(&id("4"), ChannelId(1), unheard);
}
