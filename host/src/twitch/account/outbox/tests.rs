use super::*;
use crate::domain::account::BotAccount;
use crate::domain::id::AccountId;
use crate::domain::message::{Reply, ReplySource, WantedChannel};
use crate::domain::ports::Unshared;
use crate::domain::role::Role;
use crate::domain::trace::Trace;
use crate::twitch::account::granted::Granted;
use crate::twitch::account::refusal::CLOSED_FOR;
use crate::twitch::account::standing::Standing;

/// An outbox, and joined rooms without privileges: `shop` (id 1) and `bakery` (id 2).
fn start() -> (Outbox, Rooms, Counts, Instant) {
    let (limits, now) = (LimitsConfig::default(), Instant::now());
    let mut rooms = Rooms::new(bot(), &limits, Arc::new(Unshared));
    let named = [("shop", 1), ("bakery", 2)];
    let wanted = named.map(|(name, id)| WantedChannel { id: Some(ChannelId(id)), login: login(name), account: bot() });
    rooms.set_wanted(&wanted, &bot(), now);
    rooms.take_due(usize::MAX, now);
    for (name, id) in named {
        drop(rooms.note_room(&login(name), ChannelId(id), now));
    }
    (Outbox::new(&limits, Arc::new(Unshared)), rooms, Counts::default(), now)
}

fn bot() -> BotAccount {
    BotAccount { login: login("twitchy"), id: Some(AccountId(1000)) }
}

fn login(text: &str) -> Login {
    text.parse().unwrap()
}

fn message(channel: (&str, u64), text: &str, role: Role, now: Instant) -> OutgoingMessage {
    OutgoingMessage {
        account: AccountId(1000),
        channel_id: ChannelId(channel.1),
        channel_login: login(channel.0),
        reply: Reply::Say(text.into()),
        source: ReplySource::Module("help".parse().unwrap()),
        reply_to: None,
        role,
        asked_at: now.into_std(),
        trace: Trace::default(),
    }
}

/// Sends the next message.
fn leave(outbox: &mut Outbox, rooms: &Rooms, counts: &mut Counts, now: Instant) -> Departure {
    match outbox.next(rooms, now, counts) {
        Ok(departure) => departure,
        other => panic!("nothing leaves: {other:?}"),
    }
}

/// Sends all messages that leave from `start` on, each with the milliseconds after which it leaves.
fn leave_all(outbox: &mut Outbox, rooms: &Rooms, counts: &mut Counts, start: Instant) -> Vec<(u128, String)> {
    let (mut left, mut now) = (Vec::new(), start);
    loop {
        match outbox.next(rooms, now, counts) {
            Ok(departure) => {
                left.push(((now - start).as_millis(), departure.text));
            }
            Err(Some(at)) => {
                assert!(at > now, "it would spin");
                now = at;
            }
            Err(None) => return left,
        }
    }
}

#[test]
fn channels_take_turns_and_keep_their_pause() {
    let (mut outbox, rooms, mut counts, now) = start();
    for text in ["a", "b", "c"] {
        outbox.push(message(("shop", 1), text, Role::Everyone, now), now, &mut counts);
    }
    outbox.push(message(("bakery", 2), "d", Role::Everyone, now), now, &mut counts);
    let left = leave_all(&mut outbox, &rooms, &mut counts, now);
    assert_eq!(left, [(0, "a".into()), (0, "d".into()), (1_200, "b".into()), (2_400, "c".into())]);
    assert_eq!((outbox.waiting(), outbox.settled(), counts), (0, 4, Counts::default()));
}

#[test]
fn moderators_are_answered_first_but_no_message_is_interrupted() {
    let (mut outbox, rooms, mut counts, now) = start();
    let long = format!("{} {}", "x".repeat(500), "y".repeat(500));
    outbox.push(message(("shop", 1), &long, Role::Everyone, now), now, &mut counts);
    assert!(outbox.next(&rooms, now, &mut counts).is_ok());
    outbox.push(message(("shop", 1), "later", Role::Vip, now), now, &mut counts);
    outbox.push(message(("shop", 1), "to the moderator", Role::Moderator, now), now, &mut counts);
    outbox.push(message(("shop", 1), "to the broadcaster", Role::Broadcaster, now), now, &mut counts);
    let texts: Vec<_> = leave_all(&mut outbox, &rooms, &mut counts, now).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["y".repeat(500).as_str(), "to the moderator", "to the broadcaster", "later"]);
}

#[test]
fn what_waits_too_long_is_dropped_and_counted() {
    let (mut outbox, rooms, mut counts, now) = start();
    for n in 0..30 {
        outbox.push(message(("shop", 1), &n.to_string(), Role::Everyone, now), now, &mut counts);
    }
    let old = message(("bakery", 2), "old", Role::Everyone, now);
    outbox.push(old, now + Duration::from_secs(20), &mut counts);
    assert_eq!(counts.stale, 1);
    let left = leave_all(&mut outbox, &rooms, &mut counts, now);
    assert_eq!(left.len(), 17, "one each 1.2 s, for less than 20 s");
    assert_eq!((counts.stale, outbox.settled(), outbox.waiting()), (14, 31, 0));
}

#[test]
fn a_channel_under_another_id_gets_nothing() {
    let (mut outbox, rooms, mut counts, now) = start();
    outbox.push(message(("shop", 3), "for the old shop", Role::Everyone, now), now, &mut counts);
    outbox.push(message(("market", 4), "nobody sits there", Role::Everyone, now), now, &mut counts);
    assert_eq!(leave_all(&mut outbox, &rooms, &mut counts, now), []);
    assert_eq!(counts.stale, 2);
}

#[test]
fn full_queues_and_empty_texts_are_counted() {
    let (mut outbox, rooms, mut counts, now) = start();
    outbox.push(message(("shop", 1), "\r\n", Role::Everyone, now), now, &mut counts);
    for _ in 0..=queue::CAPACITY {
        outbox.push(message(("shop", 1), "hi", Role::Everyone, now), now, &mut counts);
    }
    assert_eq!((counts.empty, counts.no_room, outbox.waiting()), (1, 1, queue::CAPACITY));
    for id in 10..110 {
        for _ in 0..5 {
            outbox.push(message(("market", id), "hi", Role::Everyone, now), now, &mut counts);
        }
    }
    assert_eq!(outbox.waiting(), CAPACITY + 40, "of the last channels their first ones only");
    leave_all(&mut outbox, &rooms, &mut counts, now);
    for id in 1_000..2_000 {
        let now = now + Duration::from_secs(60 * id);
        outbox.push(message(("market", id), "hi", Role::Everyone, now), now, &mut counts);
        leave_all(&mut outbox, &rooms, &mut counts, now);
    }
    assert!(outbox.queues.len() < CAPACITY, "channels are forgotten");
    assert_eq!((outbox.settled(), outbox.waiting()), (1 + 51 + 500 + 1_000, 0));
}

#[test]
fn one_module_does_not_fill_a_channels_queue_for_another() {
    let (mut outbox, rooms, mut counts, now) = start();
    for n in 0..100 {
        outbox.push(message(("shop", 1), &n.to_string(), Role::Moderator, now), now, &mut counts);
    }
    let other = ReplySource::Module("balance".parse().unwrap());
    for text in ["one", "two", "three"] {
        let message = OutgoingMessage { source: other.clone(), ..message(("shop", 1), text, Role::Everyone, now) };
        outbox.push(message, now, &mut counts);
    }
    assert_eq!((counts.no_room, outbox.waiting()), (51, queue::CAPACITY + 2));
    let texts: Vec<_> = leave_all(&mut outbox, &rooms, &mut counts, now).into_iter().map(|(_, text)| text).collect();
    let places = ["one", "two"].map(|text| texts.iter().position(|said| said == text));
    assert_eq!(places, [Some(7), Some(8)], "as soon as the first module has had its half of the channel's share");
}

#[test]
fn a_module_s_reply_within_its_part_is_kept_for_a_window_whatever_others_have_waiting() {
    let (mut outbox, joins, mut counts, now) = start();
    outbox.assume(20, now);
    for n in 0..20 {
        outbox.push(message(("shop", 1), &n.to_string(), Role::Everyone, now), now, &mut counts);
    }
    let other = ReplySource::Module("balance".parse().unwrap());
    outbox.push(
        OutgoingMessage { source: other, ..message(("shop", 1), "calm", Role::Everyone, now) },
        now,
        &mut counts,
    );
    let left = leave_all(&mut outbox, &joins, &mut counts, now);
    assert!(left.iter().any(|(at, text)| *at > 32_000 && text == "calm"), "{left:?}");
}

#[test]
fn what_is_dropped_without_a_connection_is_not_blamed_on_the_limits() {
    let (mut outbox, joins, mut counts, now) = start();
    let fill = |outbox: &mut Outbox, counts: &mut Counts| {
        for n in 0..=queue::CAPACITY {
            outbox.push(message(("shop", 1), &n.to_string(), Role::Everyone, now), now, counts);
        }
    };
    fill(&mut outbox, &mut counts);
    assert_eq!((counts.no_room, outbox.shortage().lost_total), (1, 0), "not connected yet");
    assert!(outbox.next(&joins, now, &mut counts).is_ok());
    fill(&mut outbox, &mut counts);
    let lost = outbox.shortage().lost_total;
    assert_eq!((counts.no_room, lost), (51, 50));
    outbox.start_over(&mut counts);
    fill(&mut outbox, &mut counts);
    let stale_at = outbox.drop_stale(now, &mut counts).unwrap();
    outbox.drop_stale(stale_at, &mut counts);
    assert_eq!((counts.no_room, counts.stale, outbox.shortage().lost_total), (102, 50, lost));
}

#[test]
fn what_is_lost_while_twitch_holds_the_account_is_named() {
    let (mut outbox, joins, mut counts, now) = start();
    for n in 0..9 {
        outbox.push(message(("shop", 1), &n.to_string(), Role::Everyone, now), now, &mut counts);
    }
    let Ok(departure) = outbox.next(&joins, now, &mut counts) else { panic!("nothing leaves") };
    outbox.refused(departure.ticket, Refusal::RateLimited, now, &mut counts);
    assert_eq!(leave_all(&mut outbox, &joins, &mut counts, now), []);
    let shortage = outbox.shortage();
    assert_eq!((shortage.lost_total, &shortage.lost[0].channel), (8, &login("shop")));
}

#[test]
fn slowing_ends_without_any_message() {
    let (mut outbox, mut joins, mut counts, now) = start();
    joins.note_standing(&login("shop"), Standing { is_privileged: true, ..Standing::default() });
    outbox.push(message(("shop", 1), "a", Role::Everyone, now), now, &mut counts);
    outbox.push(message(("bakery", 2), "b", Role::Everyone, now), now, &mut counts);
    assert!(outbox.next(&joins, now, &mut counts).is_ok());
    assert!(outbox.next(&joins, now, &mut counts).is_ok());
    let Err(Some(ends_at)) = outbox.next(&joins, now, &mut counts) else { panic!("nothing ends it") };
    assert_eq!(*outbox.shortage().slowed_for, [login("bakery")]);
    assert!(matches!(outbox.next(&joins, ends_at, &mut counts), Err(None)));
    assert_eq!(*outbox.shortage().slowed_for, []);
}

#[test]
fn a_repetition_is_varied_without_privileges_only_and_for_a_while_only() {
    let (mut outbox, mut rooms, mut counts, now) = start();
    let mut say = |rooms: &Rooms, seconds: u64| {
        let now = now + Duration::from_secs(seconds);
        outbox.push(message(("shop", 1), "same", Role::Everyone, now), now, &mut counts);
        leave_all(&mut outbox, rooms, &mut counts, now).remove(0).1
    };
    let said: Vec<_> = (0..5).map(|n| say(&rooms, 2 * n)).collect();
    assert_eq!(said, ["same", "same \u{34f}", "same \u{2800}", "same \u{34f}\u{34f}", "same"]);
    assert_eq!(say(&rooms, 60), "same");
    rooms.note_standing(&login("shop"), Standing { is_privileged: true, ..Standing::default() });
    assert_eq!(say(&rooms, 62), "same");
    rooms.note_standing(&login("shop"), Standing::default());
    assert_eq!(say(&rooms, 64), "same \u{34f}", "privileges may go, what was said stays");
}

#[test]
fn without_limits_every_message_of_a_burst_leaves_at_once_and_unvaried() {
    let (_, rooms, mut counts, now) = start();
    let mut outbox = Outbox::new(&LimitsConfig { enforce: false, ..LimitsConfig::default() }, Arc::new(Unshared));
    let mut left = Vec::new();
    for _ in 0..10 {
        assert_eq!(outbox.room(), CAPACITY);
        for _ in 0..CAPACITY {
            outbox.push(message(("shop", 1), "same", Role::Everyone, now), now, &mut counts);
        }
        assert_eq!(outbox.room(), 0, "more is not to be taken");
        left.extend(leave_all(&mut outbox, &rooms, &mut counts, now));
    }
    assert!(left.iter().all(|(at, text)| (*at, text.as_str()) == (0, "same")));
    assert_eq!((left.len(), counts), (10 * CAPACITY, Counts::default()));
}

#[test]
fn a_noisy_channel_does_not_starve_the_others() {
    let (mut outbox, rooms, mut counts, now) = start();
    for n in 0..queue::CAPACITY {
        outbox.push(message(("shop", 1), &n.to_string(), Role::Everyone, now), now, &mut counts);
    }
    let mut calm = 0;
    for second in 0..16 {
        let now = now + Duration::from_millis(1_200) * second;
        outbox.push(message(("bakery", 2), &format!("calm {second}"), Role::Everyone, now), now, &mut counts);
        outbox.push(message(("shop", 1), "noise", Role::Moderator, now), now, &mut counts);
        for next in [outbox.next(&rooms, now, &mut counts), outbox.next(&rooms, now, &mut counts)] {
            let is_calm = matches!(next, Ok(departure) if departure.channel == ChannelId(2));
            calm += usize::from(is_calm);
        }
    }
    assert_eq!(calm, 10, "half of the twenty that fill the window");
}

#[test]
fn a_message_in_pieces_goes_on_with_the_piece_that_slow_mode_refused() {
    let (mut outbox, rooms, mut counts, now) = start();
    let long = format!("{} {}", "x".repeat(500), "y".repeat(500));
    outbox.push(message(("shop", 1), &long, Role::Everyone, now), now, &mut counts);
    let ticket = leave(&mut outbox, &rooms, &mut counts, now).ticket;
    let slow = Refusal::SlowMode(Duration::from_secs(2));
    assert_eq!(outbox.refused(ticket, slow, now, &mut counts), None);
    assert_eq!((outbox.waiting(), outbox.settled()), (2, 0), "its first piece, and its second one");
    let left = leave_all(&mut outbox, &rooms, &mut counts, now);
    assert_eq!(left, [(2_500, "x".repeat(500)), (3_700, "y".repeat(500))]);
    assert_eq!((outbox.waiting(), outbox.settled(), counts.find("refused_slow_mode")), (0, 1, 1));
}

#[test]
fn what_was_refused_is_not_held_against_the_next_attempt() {
    let (mut outbox, rooms, mut counts, now) = start();
    let mut say = |refusal: Option<Refusal>, seconds| {
        let now = now + Duration::from_secs(seconds);
        outbox.push(message(("shop", 1), "same", Role::Everyone, now), now, &mut counts);
        let departure = leave(&mut outbox, &rooms, &mut counts, now);
        match refusal {
            Some(refusal) => drop(outbox.refused(departure.ticket, refusal, now, &mut counts)),
            None => outbox.delivered(departure.ticket, now),
        }
        departure.text
    };
    let texts = [say(Some(Refusal::Rejected), 0), say(Some(Refusal::Other), 2), say(None, 4), say(None, 6)];
    assert_eq!(texts, ["same", "same", "same", "same \u{34f}"]);
    assert_eq!((counts.find("refused_by_automod"), counts.find("refused_otherwise")), (1, 1));
}

#[test]
fn a_report_changes_nothing_the_second_time() {
    let (mut outbox, rooms, mut counts, now) = start();
    outbox.push(message(("shop", 1), "hi", Role::Everyone, now), now, &mut counts);
    let ticket = leave(&mut outbox, &rooms, &mut counts, now).ticket;
    outbox.delivered(ticket, now);
    for refusal in [Refusal::Banned, Refusal::RateLimited, Refusal::Unverified] {
        assert_eq!(outbox.refused(ticket, refusal, now, &mut counts), None);
    }
    outbox.delivered(ticket, now);
    outbox.lost(ticket, &mut counts);
    outbox.push(message(("shop", 1), "there", Role::Everyone, now), now, &mut counts);
    assert_eq!(leave_all(&mut outbox, &rooms, &mut counts, now).len(), 1);
    assert_eq!((outbox.deliveries.count(), counts), (1, Counts::default()));
}

#[test]
fn refusals_are_news_once() {
    let (mut outbox, rooms, mut counts, now) = start();
    let mut say = |refusal, seconds| {
        let now = now + Duration::from_secs(seconds);
        outbox.push(message(("shop", 1), "a", Role::Everyone, now), now, &mut counts);
        outbox.push(message(("bakery", 2), "b", Role::Everyone, now), now, &mut counts);
        let mut left = [0; 2].map(|_| leave(&mut outbox, &rooms, &mut counts, now));
        left.sort_by_key(|departure| departure.channel);
        left.map(|departure| outbox.refused(departure.ticket, refusal, now, &mut counts))
    };
    let window = Some(Duration::from_millis(32_500));
    assert_eq!(say(Refusal::RateLimited, 0), [window, None], "both were on their way");
    assert_eq!(say(Refusal::RateLimited, 33), [window, None]);
    assert_eq!(say(Refusal::Unverified, 66), [Some(CLOSED_FOR); 2], "each channel by itself");
    let timed_out = Refusal::TimedOut(Duration::from_secs(90));
    assert_eq!(say(timed_out, 3_700), [Some(Duration::from_millis(90_500)); 2]);
    assert_eq!(counts.find("refused_rate_limited"), 4);
}

#[test]
fn what_is_unanswered_is_counted_and_forgotten() {
    let (mut outbox, rooms, mut counts, now) = start();
    outbox.push(message(("shop", 1), "a", Role::Everyone, now), now, &mut counts);
    outbox.push(message(("bakery", 2), "b", Role::Everyone, now), now, &mut counts);
    let [first, second] = [0; 2].map(|_| leave(&mut outbox, &rooms, &mut counts, now).ticket);
    outbox.lost(first, &mut counts);
    outbox.delivered(second, now);
    assert_eq!((counts.unconfirmed, outbox.deliveries.count()), (1, 1));
    let later = now + Duration::from_secs(10);
    outbox.push(message(("shop", 1), "c", Role::Everyone, later), later, &mut counts);
    let third = leave(&mut outbox, &rooms, &mut counts, later).ticket;
    outbox.start_over(&mut counts);
    outbox.lost(third, &mut counts);
    assert_eq!((counts.unconfirmed, outbox.deliveries.count()), (2, 1));
}

#[test]
fn what_takes_long_to_be_written_counts_from_then() {
    let (mut outbox, rooms, mut counts, now) = start();
    outbox.push(message(("shop", 1), "same", Role::Everyone, now), now, &mut counts);
    assert!(outbox.next(&rooms, now, &mut counts).is_ok());
    let written_at = now + Duration::from_secs(8);
    outbox.note_written(&[ChannelId(1)], now, written_at);
    outbox.push(message(("shop", 1), "same", Role::Everyone, written_at), written_at, &mut counts);
    let left = leave_all(&mut outbox, &rooms, &mut counts, written_at);
    assert_eq!(left, [(1_200, "same \u{34f}".into())]);
    let later = now + Duration::from_secs(40);
    outbox.push(message(("shop", 1), "same", Role::Everyone, later), later, &mut counts);
    let left = leave_all(&mut outbox, &rooms, &mut counts, later);
    assert_eq!(left, [(0, "same \u{2800}".into())], "half a minute after it was written, not begun");
}

#[test]
fn of_an_account_that_processes_share_only_granted_slots_are_used() {
    let (_, rooms, mut counts, start) = start();
    let granted = Arc::new(Granted::new(2, start + Duration::from_secs(5)));
    let mut outbox = Outbox::new(&LimitsConfig::default(), granted);
    for (number, channel) in [("shop", 1), ("bakery", 2), ("shop", 1)].into_iter().enumerate() {
        outbox.push(message(channel, &format!("{number}"), Role::Everyone, start), start, &mut counts);
    }
    let left = leave_all(&mut outbox, &rooms, &mut counts, start);
    assert_eq!(left, [(0, "0".to_owned()), (0, "1".to_owned()), (5_000, "2".to_owned())]);
}
