//! However much other channels ask for, one that stays below its share is answered in the times of `host/ops/limits.md`.

use proptest::prelude::*;

use super::*;
use crate::domain::account::BotAccount;
use crate::domain::id::AccountId;
use crate::domain::message::{Reply, ReplySource, WantedChannel};
use crate::domain::ports::Unshared;
use crate::domain::role::Role;
use crate::domain::trace::Trace;
use crate::twitch::account::standing::Standing;

const SECOND: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_millis(32_500);
/// Our delay between two messages to one unprivileged channel.
const PAUSE: Duration = Duration::from_millis(1_200);
/// How long a reply within its channel's share is kept.
const KEPT_FOR: Duration = Duration::from_secs(35);
/// The channel that asks for little.
const CALM: usize = 0;

/// An account with one room per standing; `true` is privileged.
struct World {
    outbox: Outbox,
    rooms: Rooms,
    counts: Counts,
    standings: Vec<bool>,
    start: Instant,
    /// Each message's channel, and when it was asked for.
    asked: Vec<(usize, Instant)>,
    /// When each of them left.
    left: Vec<Option<Instant>>,
    /// Each departure's time and channel, in order.
    departed: Vec<(Instant, usize)>,
}

fn room(index: usize) -> Login {
    format!("room{index}").parse().unwrap()
}

fn id(index: usize) -> ChannelId {
    ChannelId(index as u64 + 1)
}

impl World {
    fn new(standings: &[bool]) -> World {
        let (limits, start) = (LimitsConfig::default(), Instant::now());
        let account = BotAccount { login: "twitchy".parse().unwrap(), id: None };
        let mut rooms =
            Rooms::new(account.clone(), &LimitsConfig { enforce: false, ..limits.clone() }, Arc::new(Unshared));
        let channels = 0..standings.len();
        let wanted =
            channels.clone().map(|n| WantedChannel { id: Some(id(n)), login: room(n), account: account.clone() });
        rooms.set_wanted(&wanted.collect::<Vec<_>>(), &account, start);
        while !rooms.take_due(usize::MAX, start).is_empty() {}
        for n in channels {
            rooms.note_standing(&room(n), Standing { is_privileged: standings[n], ..Standing::default() });
            drop(rooms.note_room(&room(n), id(n), start));
        }
        let (outbox, counts) = (Outbox::new(&limits, Arc::new(Unshared)), Counts::default());
        World {
            outbox,
            rooms,
            counts,
            standings: standings.to_vec(),
            start,
            asked: Vec::new(),
            left: Vec::new(),
            departed: Vec::new(),
        }
    }

    /// Asks for each message at its offset in milliseconds, in order, and runs until none waits.
    fn play(&mut self, asks: impl IntoIterator<Item = (u64, usize)>) {
        let (mut now, mut wake_at) = (self.start, None);
        for (after, channel) in asks {
            let at = self.start + Duration::from_millis(after);
            while let Some(wake) = wake_at.filter(|wake| *wake < at) {
                now = wake;
                wake_at = self.leave(now);
            }
            now = now.max(at);
            self.ask(channel, now);
            wake_at = self.leave(now);
        }
        while let Some(wake) = wake_at {
            wake_at = self.leave(wake);
        }
    }

    fn ask(&mut self, channel: usize, now: Instant) {
        let message = OutgoingMessage {
            account: AccountId(1000),
            channel_id: id(channel),
            channel_login: room(channel),
            reply: Reply::Say(format!("{} asked", self.asked.len())),
            source: ReplySource::Module("help".parse().unwrap()),
            reply_to: None,
            role: Role::Everyone,
            asked_at: now.into_std(),
            trace: Trace::default(),
        };
        self.asked.push((channel, now));
        self.left.push(None);
        self.outbox.push(message, now, &mut self.counts);
    }

    /// Lets all messages leave that may. Returns when more may.
    fn leave(&mut self, now: Instant) -> Option<Instant> {
        loop {
            match self.outbox.next(&self.rooms, now, &mut self.counts) {
                Ok(departure) => {
                    let number: usize = departure.text.split(' ').next().unwrap().parse().unwrap();
                    self.left[number] = Some(now);
                    self.departed.push((now, self.asked[number].0));
                }
                Err(Some(at)) => {
                    assert!(at > now, "it would spin");
                    return Some(at);
                }
                Err(None) => return None,
            }
        }
    }

    /// How long each of a channel's messages waited; `None` if it was dropped.
    fn list_waits(&self, channel: usize) -> Vec<Option<Duration>> {
        let its = self.asked.iter().zip(&self.left).filter(|((of, _), _)| *of == channel);
        its.map(|((_, asked_at), left_at)| Some(left_at.as_ref()?.duration_since(*asked_at))).collect()
    }

    fn expect_no_silent_loss(&mut self) {
        let unanswered = self.left.iter().filter(|left_at| left_at.is_none()).count() as u64;
        assert_eq!(self.outbox.shortage().lost_total, unanswered);
    }

    /// Twitch's own rule: at most 20 messages in 30 s if the last one goes to an unprivileged channel, else 100.
    fn expect_within_twitch_limits(&self) {
        for (index, (at, channel)) in self.departed.iter().enumerate() {
            let limit = if self.standings[*channel] { 100 } else { 20 };
            let before =
                self.departed[..index].iter().rev().take_while(|(other, _)| *at < *other + 30 * SECOND).count();
            assert!(before < limit, "{} messages, the last to a channel that may have {limit}", before + 1);
        }
    }
}

/// The number of messages that a channel may ask for in any window while it stays below its share.
fn share_of(standings: &[bool]) -> usize {
    let divided = if standings.iter().all(|is_privileged| *is_privileged) { 75 } else { 15 };
    divided / standings.len()
}

/// The others' demand: bursts at any moment of three minutes.
fn bursts(channels: usize) -> impl Strategy<Value = Vec<(u64, usize)>> {
    let burst = (0u64..180_000, 1..channels.max(2), prop_oneof![1usize..4, 30usize..60]);
    prop::collection::vec(burst, 0..40).prop_map(|bursts| {
        bursts.into_iter().flat_map(|(at, channel, count)| std::iter::repeat_n((at, channel), count)).collect()
    })
}

/// First each channel asks once, which makes it active. Then the calm channel asks at most as often as its share allows
/// in any `span`, and the others ask as they like.
fn script(others: Vec<(u64, usize)>, gaps: &[u64], channels: usize, share: usize, span: Duration) -> Vec<(u64, usize)> {
    const SETTLED: u64 = 60_000;
    let mut asks: Vec<_> = others.into_iter().map(|(at, channel)| (SETTLED + at, channel)).collect();
    let mut calm: Vec<u64> = Vec::new();
    let mut at = SETTLED;
    for gap in gaps {
        let first_allowed = calm.len().checked_sub(share).map_or(0, |index| calm[index] + span.as_millis() as u64 + 1);
        at = (at + gap).max(first_allowed);
        calm.push(at);
    }
    asks.extend(calm.into_iter().filter(|at| *at < SETTLED + 180_000).map(|at| (at, CALM)));
    asks.extend((0..channels).map(|channel| (0, channel)));
    asks.sort_by_key(|(at, _)| *at);
    asks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_channel_below_its_share_is_answered_whatever_the_others_ask(
        standings in prop::collection::vec(any::<bool>(), 1..=15),
        demand in bursts(15),
        gaps in prop::collection::vec(1_200u64..20_000, 1..60),
    ) {
        let (channels, share) = (standings.len(), share_of(&standings));
        let is_beside_privileged = !standings[CALM] && standings.contains(&true);
        // Below an unprivileged channel's share, a reply may wait for the cap; its answers then leave one pause apart.
        let longest = if is_beside_privileged { 15 * SECOND + PAUSE * share as u32 } else { Duration::ZERO };
        let others = demand.into_iter().filter(|(_, channel)| *channel < channels).collect();
        let mut world = World::new(&standings);
        world.play(script(others, &gaps, channels, share, WINDOW + longest));
        world.expect_within_twitch_limits();
        for wait in world.list_waits(CALM).into_iter().skip(1) {
            prop_assert!(wait.is_some_and(|wait| wait <= longest), "{wait:?}, not within {longest:?}");
        }
    }

    /// With more channels than shares, each has one message in every second window.
    #[test]
    fn of_twenty_channels_one_below_its_share_is_answered_within_the_window(
        is_privileged in any::<bool>(),
        demand in bursts(20),
        gaps in prop::collection::vec(1_200u64..20_000, 1..60),
    ) {
        let mut world = World::new(&[is_privileged; 20]);
        let span = if is_privileged { WINDOW } else { 2 * WINDOW };
        world.play(script(demand, &gaps, 20, if is_privileged { 3 } else { 1 }, span));
        world.expect_within_twitch_limits();
        let longest = if is_privileged { Duration::ZERO } else { WINDOW };
        for wait in world.list_waits(CALM).into_iter().skip(1) {
            prop_assert!(wait.is_some_and(|wait| wait <= longest), "{wait:?}");
        }
    }

    /// Shares cannot bound the wait of unprivileged channels here; the longest time that a reply is kept does.
    #[test]
    fn of_twenty_channels_of_both_kinds_one_below_its_share_is_answered_while_its_reply_is_kept_or_the_loss_is_named(
        is_privileged in any::<bool>(),
        demand in bursts(20),
        gaps in prop::collection::vec(1_200u64..20_000, 1..60),
    ) {
        let standings: Vec<bool> = (0..20).map(|channel| (channel % 2 == CALM) == is_privileged).collect();
        let mut world = World::new(&standings);
        world.play(script(demand, &gaps, 20, 1, 2 * WINDOW));
        world.expect_within_twitch_limits();
        for wait in world.list_waits(CALM).into_iter().skip(1).flatten() {
            prop_assert!(wait <= KEPT_FOR, "{wait:?}");
        }
        world.expect_no_silent_loss();
    }
}

#[test]
fn a_hundred_privileged_channels_are_all_answered_within_the_window() {
    let mut world = World::new(&[true; 100]);
    let everybody = |after: u64| (0..100).map(move |channel| (after, channel));
    let flood = std::iter::repeat_n((60_000, 7), 110);
    world.play(everybody(0).chain(flood).chain(everybody(61_000)));
    world.expect_within_twitch_limits();
    for channel in (0..100).filter(|channel| *channel != 7) {
        let waits = world.list_waits(channel);
        assert!(waits[1].is_some_and(|wait| wait <= WINDOW), "{channel}: {waits:?}");
    }
}

#[test]
fn of_a_hundred_unprivileged_channels_twenty_are_answered_in_each_window_by_turns() {
    let mut world = World::new(&[false; 100]);
    // All ask every ten seconds for ten windows.
    world.play((0..33).flat_map(|round| (0..100).map(move |channel| (round * 10_000, channel))));
    world.expect_within_twitch_limits();
    let answered: Vec<_> = (0..100).map(|channel| world.list_waits(channel).into_iter().flatten().count()).collect();
    assert!(answered.iter().all(|count| (2..=3).contains(count)), "{answered:?}");
    assert!(world.counts.stale + world.counts.no_room > 3_000 && world.outbox.waiting() == 0);
    world.expect_no_silent_loss();
}

#[test]
fn of_a_hundred_channels_of_both_kinds_each_is_answered_in_turn() {
    let standings: Vec<bool> = (0..100).map(|channel| channel % 2 == 0).collect();
    let mut world = World::new(&standings);
    // All ask every ten seconds for ten windows.
    world.play((0..33).flat_map(|round| (0..100).map(move |channel| (round * 10_000, channel))));
    world.expect_within_twitch_limits();
    for channel in 0..100 {
        let waits = world.list_waits(channel);
        let answered = waits.iter().flatten();
        assert!(answered.clone().all(|wait| *wait <= KEPT_FOR) && answered.count() >= 2, "{channel}: {waits:?}");
    }
    world.expect_no_silent_loss();
}
