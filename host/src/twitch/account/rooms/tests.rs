use super::super::granted::Granted;
use super::*;
use crate::domain::ports::Unshared;
use proptest::prelude::*;

const SHOP: ChannelId = ChannelId(10);

fn login(text: &str) -> Login {
    text.parse().unwrap()
}

fn bot(name: &str) -> BotAccount {
    BotAccount { login: login(name), id: None }
}

fn wanted(name: &str, id: Option<u64>) -> WantedChannel {
    WantedChannel { id: id.map(ChannelId), login: login(name), account: bot("twitchy") }
}

fn rooms(channels: usize) -> Rooms {
    Rooms::new(bot("twitchy"), &LimitsConfig { channels, ..LimitsConfig::default() }, Arc::new(Unshared))
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn channels_are_asked_for_in_the_order_in_which_they_are_wanted() {
    let (mut rooms, now) = (rooms(100), Instant::now());
    let other = WantedChannel { account: bot("another"), ..wanted("not_ours", None) };
    rooms.set_wanted(&[wanted("c", None), other, wanted("a", None), wanted("b", None)], &bot("twitchy"), now);
    assert_eq!(rooms.take_due(12, now), [login("c"), login("a"), login("b")]);
    assert!(rooms.take_due(12, now).is_empty());
}

#[test]
fn only_a_room_with_the_stored_id_counts_as_joined() {
    let (mut rooms, now) = (rooms(100), Instant::now());
    rooms.set_wanted(&[wanted("shop", Some(10))], &bot("twitchy"), now);
    rooms.take_due(12, now);
    assert!(!rooms.is_in(&login("shop"), SHOP));
    let reason = JoinFailure::Recycled { found: ChannelId(11) };
    let failed = Event::JoinFailed { account: bot("twitchy"), channel_login: login("shop"), reason };
    assert_eq!(rooms.note_room(&login("shop"), ChannelId(11), now), Some(failed));
    assert_eq!(rooms.leaving, [login("shop")]);
    assert_eq!(rooms.next_at(now), Some(now + seconds(30)));
    rooms.take_due(12, now + seconds(30));
    let joined = rooms.note_room(&login("shop"), SHOP, now + seconds(30));
    assert_eq!(joined, Some(Event::Joined { account: bot("twitchy"), channel_id: SHOP, channel_login: login("shop") }));
    assert!(rooms.is_in(&login("shop"), SHOP));
    assert_eq!(rooms.find_footing(&login("shop"), SHOP, now), Some(RoomStanding::default()));
    assert!(!rooms.is_in(&login("shop"), ChannelId(11)));
}

#[test]
fn a_farewell_may_be_said_where_the_account_sat() {
    let (mut rooms, now) = (rooms(100), Instant::now());
    rooms.set_wanted(&[wanted("shop", Some(10)), wanted("cafe", Some(20))], &bot("twitchy"), now);
    rooms.take_due(12, now);
    drop(rooms.note_room(&login("shop"), SHOP, now));
    rooms.set_wanted(&[], &bot("twitchy"), now);
    assert_eq!(rooms.leaving.len(), 2);
    assert!(!rooms.is_in(&login("shop"), SHOP));
    let speaks = |rooms: &Rooms, name, id, at| rooms.find_footing(&login(name), ChannelId(id), at).is_some();
    assert!(speaks(&rooms, "shop", 10, now + FAREWELL_WITHIN - seconds(1)));
    assert!(!speaks(&rooms, "shop", 10, now + FAREWELL_WITHIN));
    assert!(!speaks(&rooms, "cafe", 20, now), "it never sat there");
    rooms.start_over(now);
    assert!(!speaks(&rooms, "shop", 10, now), "the connection is another one");
}

#[test]
fn a_login_that_is_wanted_for_another_channel_is_left_and_asked_for_again() {
    let (mut rooms, now) = (rooms(100), Instant::now());
    rooms.set_wanted(&[wanted("shop", Some(10))], &bot("twitchy"), now);
    rooms.take_due(12, now);
    drop(rooms.note_room(&login("shop"), SHOP, now));
    rooms.set_wanted(&[wanted("shop", Some(11))], &bot("twitchy"), now);
    assert_eq!(rooms.leaving, [login("shop")]);
    assert_eq!(rooms.take_due(12, now), [login("shop")]);
}

#[test]
fn pauses_after_unconfirmed_joins_grow_and_only_one_is_reported() {
    let (mut rooms, mut now) = (rooms(100), Instant::now());
    rooms.set_wanted(&[wanted("nowhere", None)], &bot("twitchy"), now);
    let (mut pauses, mut reports) = (Vec::new(), Vec::new());
    for attempt in 0..10 {
        assert_eq!(rooms.take_due(12, now), [login("nowhere")]);
        now += CONFIRMED_WITHIN;
        reports.extend(rooms.give_up_unconfirmed(now).iter().map(|_| attempt));
        assert_eq!(rooms.leaving.pop_front(), Some(login("nowhere")));
        let next_at = rooms.next_at(now).unwrap();
        pauses.push((next_at - now).as_secs());
        now = next_at;
    }
    assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
    assert_eq!(reports, [1], "the second time that nothing comes back");
}

#[test]
fn a_hundred_channels_are_not_exceeded_unless_the_account_moderates_there() {
    let (mut rooms, now) = (rooms(2), Instant::now());
    rooms.set_wanted(&[wanted("a", Some(1)), wanted("b", Some(2)), wanted("c", Some(3))], &bot("twitchy"), now);
    assert_eq!(rooms.take_due(12, now), [login("a"), login("b")]);
    drop(rooms.note_room(&login("a"), ChannelId(1), now));
    drop(rooms.note_room(&login("b"), ChannelId(2), now));
    assert_eq!(rooms.next_at(now), None);
    let moderator = Standing { is_privileged: true, is_moderator: true, ..Standing::default() };
    assert!(rooms.note_standing(&login("a"), moderator));
    assert!(!rooms.note_standing(&login("a"), moderator) && !rooms.note_standing(&login("nowhere"), moderator));
    assert_eq!(rooms.take_due(12, now), [login("c")]);
}

/// How many rooms are joined and pending, and which have failed with which reason.
fn known(rooms: &Rooms) -> (usize, usize, Vec<(String, JoinFailure)>) {
    let mut state = AccountState::default();
    rooms.describe(&mut state, Instant::now());
    let failed = state.unreachable.iter().map(|(login, reason)| (login.to_string(), *reason)).collect();
    (state.joined, state.pending, failed)
}

#[test]
fn a_room_is_pending_until_it_is_joined_or_reported_and_only_where_the_account_has_a_slot() {
    let (mut rooms, now) = (rooms(2), Instant::now());
    rooms.set_wanted(&[wanted("a", Some(1)), wanted("b", Some(2)), wanted("c", Some(3))], &bot("twitchy"), now);
    rooms.take_due(12, now);
    assert_eq!(known(&rooms), (0, 2, vec![]), "the third finds no place");
    drop(rooms.note_room(&login("a"), ChannelId(1), now));
    drop(rooms.note_failure(&login("b"), JoinFailure::Banned, now));
    let banned = vec![("b".to_owned(), JoinFailure::Banned)];
    assert_eq!(known(&rooms), (1, 1, banned.clone()), "now there is one");
    assert_eq!(rooms.take_due(12, now), [login("c")]);
    drop(rooms.note_room(&login("c"), ChannelId(3), now));
    assert_eq!(known(&rooms), (2, 0, banned));
    rooms.set_wanted(&[wanted("a", Some(1)), wanted("b", Some(2))], &bot("twitchy"), now);
    rooms.take_due(12, now + FIRST_PAUSE);
    drop(rooms.note_room(&login("b"), ChannelId(2), now + FIRST_PAUSE));
    assert_eq!(known(&rooms), (2, 0, vec![]));
}

#[test]
fn privileges_are_forgotten_with_the_connection() {
    let (mut rooms, now) = (rooms(100), Instant::now());
    rooms.set_wanted(&[wanted("shop", Some(10))], &bot("twitchy"), now);
    for is_privileged in [true, false] {
        rooms.take_due(12, now);
        drop(rooms.note_room(&login("shop"), SHOP, now));
        if is_privileged {
            rooms.note_standing(&login("shop"), Standing { is_privileged, is_moderator: true, ..Standing::default() });
        }
        let standing = rooms.find_footing(&login("shop"), SHOP, now).unwrap().standing;
        assert_eq!(standing, Standing { is_privileged, is_moderator: true, ..Standing::default() });
        rooms.start_over(now);
        assert!(!rooms.is_in(&login("shop"), SHOP));
    }
}

proptest! {
    /// In every sequence of steps, a joined room has the wanted id, ten seconds hold no more JOINs than allowed, and an
    /// account with work knows when it is due.
    #[test]
    fn rooms_stay_true_to_what_is_wanted(
        steps in prop::collection::vec((0u8..7, 0usize..4, 1u64..4, 0u64..40), 1..200)
    ) {
        let names = ["a", "b", "c", "d"];
        let (mut rooms, mut now) = (rooms(3), Instant::now());
        let mut asked: Vec<Instant> = Vec::new();
        for (step, index, id, wait) in steps {
            now += seconds(wait);
            let name = login(names[index]);
            match step {
                0 => rooms.set_wanted(&[wanted(names[index], Some(id)), wanted("a", Some(1))], &bot("twitchy"), now),
                1 => rooms.set_wanted(&names.map(|name| wanted(name, None)), &bot("twitchy"), now),
                2 => drop(rooms.note_room(&name, ChannelId(id), now)),
                3 => drop(rooms.note_failure(&name, JoinFailure::Banned, now)),
                4 => rooms.note_left(&name, now),
                5 => rooms.start_over(now),
                _ => drop(rooms.give_up_unconfirmed(now)),
            }
            drop(rooms.give_up_unconfirmed(now));
            asked.extend(rooms.take_due(12, now).iter().map(|_| now));
            let (joined, pending, failed) = known(&rooms);
            prop_assert!(joined + pending + failed.len() <= rooms.rooms.len(), "each room is told of once");
            prop_assert!(rooms.next_at(now).is_none_or(|at| at > now), "it would spin");
            prop_assert!(rooms.slots_left() + rooms.rooms.values().filter(|room| room.may_be_in()).count() <= 3);
        }
        for &at in &asked {
            prop_assert!(asked.iter().filter(|&&other| at <= other && other < at + seconds(10)).count() <= 20);
        }
    }
}

#[test]
fn rooms_that_wait_for_the_window_alone_are_held() {
    let (mut rooms, now) = (rooms(100), Instant::now());
    rooms.set_wanted(&[wanted("shop", Some(10))], &bot("twitchy"), now);
    assert_eq!(rooms.held_until(now), None);
    rooms.assume(20, now);
    let until = rooms.held_until(now).unwrap();
    assert!(until > now + seconds(10) && rooms.take_due(12, now).is_empty());
    assert_eq!(rooms.held_until(until), None);
    assert_eq!(rooms.take_due(12, until), [login("shop")]);
    // A room that is delayed after a failure, or exceeds the number of channels, does not wait for the limit on joins.
    rooms.assume(20, until);
    drop(rooms.note_failure(&login("shop"), JoinFailure::Banned, until));
    assert_eq!(rooms.held_until(until), None);
    let mut full =
        Rooms::new(bot("twitchy"), &LimitsConfig { channels: 0, ..LimitsConfig::default() }, Arc::new(Unshared));
    full.set_wanted(&[wanted("shop", Some(10))], &bot("twitchy"), now);
    full.assume(20, now);
    assert_eq!(full.held_until(now), None);
}

#[test]
fn of_an_account_that_processes_share_only_granted_joins_are_asked_for() {
    let start = Instant::now();
    let more_at = start + seconds(5);
    let granted = Arc::new(Granted::new(2, more_at));
    let mut rooms = Rooms::new(bot("twitchy"), &LimitsConfig::default(), granted);
    let channels: Vec<_> = ["one", "two", "three"].map(|name| wanted(name, None)).into();
    rooms.set_wanted(&channels, &bot("twitchy"), start);
    assert_eq!(rooms.take_due(usize::MAX, start), [login("one"), login("two")]);
    assert_eq!(rooms.next_at(start), Some(more_at));
    assert_eq!(rooms.take_due(usize::MAX, more_at), [login("three")]);
}
