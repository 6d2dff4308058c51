//! Twitch's limits as sliding windows. Pure: time is a parameter.
//!
//! A client cannot know the schedule on which Twitch refills its buckets; only a sliding window is safe for every
//! schedule (pajlada's tmi-rate-limits). What counts is when Twitch receives a message, not when we write it: a delayed
//! message comes closer to the next one. Hence the margins.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::LimitsConfig;
use crate::domain::id::ChannelId;
use crate::domain::ports::{Allowance, Limit};

/// Added to every window: how much longer than its neighbour a line may travel. Other clients add 2 s (twurple,
/// messages) and 2.5 s (Chatterino, joins) to Twitch's window.
pub const WINDOW_MARGIN: Duration = Duration::from_millis(2_500);
/// Added to the pause between two messages to one channel; twurple waits 1.2 s too. Sending too early loses one message
/// but silences nobody.
pub const CHANNEL_MARGIN: Duration = Duration::from_millis(200);
/// Added to the pause that slow mode requires. Sending too early costs one attempt.
pub const SLOW_MARGIN: Duration = Duration::from_millis(500);
/// Slow mode's longest pause (dev.twitch.tv/docs/api/reference, Update Chat Settings), plus a margin.
const SLOW_REMEMBERED: Duration = Duration::from_secs(125);
/// Above this number of channels, those whose pause has ended are forgotten.
const CHANNELS_UNSWEPT: usize = 256;

/// The times of the latest events, as many as the limit needs.
#[derive(Clone, Debug)]
pub struct RateWindow {
    /// `None` if limits are off.
    limit: Option<usize>,
    span: Duration,
    times: VecDeque<Instant>,
}

impl RateWindow {
    /// At most `limit` events within `span` plus the margin; a limit of zero counts as one. If limits are not enforced,
    /// the window delays nothing and remembers nothing.
    pub fn new(is_enforced: bool, limit: usize, span: Duration) -> Self {
        Self { limit: is_enforced.then_some(limit.max(1)), span: span + WINDOW_MARGIN, times: VecDeque::new() }
    }

    /// The first moment, `now` or later, at which another event is within the limit.
    pub fn free_at(&self, now: Instant) -> Instant {
        self.limit.map_or(now, |limit| self.free_below(limit, now))
    }

    /// Like `free_at`, for a stricter limit than the window's own.
    fn free_below(&self, limit: usize, now: Instant) -> Instant {
        let oldest = self.times.len().checked_sub(limit.max(1)).and_then(|index| self.times.get(index));
        oldest.map_or(now, |&at| now.max(at + self.span))
    }

    /// How many more events are within the limit at `now`.
    pub fn room(&self, now: Instant) -> usize {
        let counting = self.times.iter().rev().take_while(|&&at| now < at + self.span).count();
        self.limit.unwrap_or(usize::MAX).saturating_sub(counting)
    }

    /// Counts an event at `now`. Calls must not go back in time.
    pub fn note(&mut self, now: Instant) {
        let Some(limit) = self.limit else { return };
        self.times.push_back(now);
        if self.times.len() > limit {
            self.times.pop_front();
        }
    }

    /// How much of the limit is used at `now`.
    pub fn used(&self, now: Instant) -> usize {
        self.limit.map_or(0, |limit| limit - self.room(now))
    }

    /// Counts `count` events of another process, all as if at `at`. The window must be empty.
    pub fn assume(&mut self, count: usize, at: Instant) {
        (0..count).for_each(|_| self.note(at));
    }

    /// Moves the last `count` events to `now`.
    fn defer(&mut self, count: usize, now: Instant) {
        self.times.iter_mut().rev().take(count).for_each(|at| *at = now);
    }
}

/// The first moment, `now` or later, at which this process has a slot of the account's limit.
pub(super) fn opens_at(allowance: &dyn Allowance, limit: Limit, now: Instant) -> Instant {
    allowance.opens_at(limit, now.into_std()).into()
}

/// All limits on one account's messages.
#[derive(Clone)]
pub struct MessageWindows {
    is_enforced: bool,
    /// Says which of the account's slots this process may use.
    allowance: Arc<dyn Allowance>,
    /// All messages of the account, to any channel.
    sent: RateWindow,
    unprivileged_limit: usize,
    every: Duration,
    last: HashMap<ChannelId, Instant>,
}

impl MessageWindows {
    pub fn new(limits: &LimitsConfig, allowance: Arc<dyn Allowance>) -> Self {
        Self {
            is_enforced: limits.enforce,
            allowance,
            sent: RateWindow::new(limits.enforce, limits.privileged_messages.max(limits.messages), limits.window),
            unprivileged_limit: limits.messages,
            every: limits.message_every + CHANNEL_MARGIN,
            last: HashMap::new(),
        }
    }

    /// The first moment, `now` or later, at which the window has room. Messages to privileged channels (the account is
    /// broadcaster, moderator or VIP) use up the lower limit too, but neither it nor the pause delays them
    /// (dev.twitch.tv/docs/chat, "Rate limits").
    pub fn opens_at(&self, is_privileged: bool, now: Instant) -> Instant {
        let free_at = match is_privileged {
            _ if !self.is_enforced => return now,
            true => self.sent.free_at(now),
            false => self.sent.free_below(self.unprivileged_limit, now),
        };
        free_at.max(opens_at(&*self.allowance, Limit::Messages, now))
    }

    /// The first moment, `now` or later, at which the channel itself takes a message. `slow` is its slow mode's pause.
    pub fn pause_ends_at(&self, channel: ChannelId, is_privileged: bool, slow: Duration, now: Instant) -> Instant {
        if !self.is_enforced || is_privileged {
            return now;
        }
        let pause = if slow.is_zero() { self.every } else { self.every.max(slow + SLOW_MARGIN) };
        self.last.get(&channel).map_or(now, |&at| now.max(at + pause))
    }

    /// Counts a message that left at `now`.
    pub fn note(&mut self, channel: ChannelId, now: Instant) {
        if !self.is_enforced {
            return;
        }
        self.sent.note(now);
        self.allowance.note_used(Limit::Messages, now.into_std());
        if self.last.len() >= CHANNELS_UNSWEPT {
            let longest = self.every.max(SLOW_REMEMBERED);
            self.last.retain(|_, at| now < *at + longest);
        }
        self.last.insert(channel, now);
    }

    /// Messages that count at `now`.
    pub fn used(&self, now: Instant) -> usize {
        self.sent.used(now)
    }

    /// Counts messages that another process sent, to unknown channels.
    pub fn assume(&mut self, count: usize, at: Instant) {
        self.sent.assume(count, at);
    }

    /// The messages counted last, to `channels`, were written only by `now`.
    pub fn defer(&mut self, channels: &[ChannelId], now: Instant) {
        self.sent.defer(channels.len(), now);
        for channel in channels {
            self.last.entry(*channel).and_modify(|at| *at = now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ports::Unshared;
    use proptest::prelude::*;

    impl MessageWindows {
        /// When a message may go to a channel, by all limits.
        fn free_at(&self, channel: ChannelId, is_privileged: bool, slow: Duration, now: Instant) -> Instant {
            self.opens_at(is_privileged, now).max(self.pause_ends_at(channel, is_privileged, slow, now))
        }
    }

    fn channel(n: u8) -> ChannelId {
        ChannelId(u64::from(n))
    }

    /// The most moments of `seen` within any half-open span.
    fn busiest(seen: &[Instant], span: Duration) -> usize {
        let within = |start: Instant| seen.iter().filter(|&&at| start <= at && at < start + span).count();
        seen.iter().map(|&start| within(start)).max().unwrap_or(0)
    }

    /// Messages: the gap before each, its channel, whether that is privileged, and the travel time.
    fn arrivals() -> impl Strategy<Value = Vec<(u64, u8, bool, u64)>> {
        prop::collection::vec((0u64..900, 0u8..40, any::<bool>(), 0u64..=2_500), 1..400)
    }

    #[test]
    fn twenty_messages_leave_at_once_and_the_next_waits_for_the_window() {
        let (mut windows, start) = (MessageWindows::new(&LimitsConfig::default(), Arc::new(Unshared)), Instant::now());
        for n in 0..20 {
            assert_eq!(windows.free_at(channel(n), false, Duration::ZERO, start), start);
            windows.note(channel(n), start);
        }
        let full_until = start + Duration::from_millis(32_500);
        assert_eq!(windows.free_at(channel(20), false, Duration::ZERO, start), full_until);
        assert_eq!(windows.free_at(channel(20), true, Duration::ZERO, start), start);
        for n in 0..80 {
            windows.note(channel(n), start);
        }
        assert_eq!(windows.free_at(channel(20), true, Duration::ZERO, start), full_until);
        assert_eq!(windows.free_at(channel(20), true, Duration::ZERO, full_until), full_until);
    }

    #[test]
    fn a_channel_without_privileges_hears_one_message_a_second() {
        let (mut windows, start) = (MessageWindows::new(&LimitsConfig::default(), Arc::new(Unshared)), Instant::now());
        windows.note(channel(1), start);
        assert_eq!(windows.free_at(channel(1), false, Duration::ZERO, start), start + Duration::from_millis(1_200));
        assert_eq!(windows.free_at(channel(1), true, Duration::ZERO, start), start);
        assert_eq!(windows.free_at(channel(2), false, Duration::ZERO, start), start);
    }

    #[test]
    fn slow_mode_makes_the_pause_longer_and_never_shorter() {
        let (mut windows, start) = (MessageWindows::new(&LimitsConfig::default(), Arc::new(Unshared)), Instant::now());
        windows.note(channel(1), start);
        let free_after = |is_privileged, slow| windows.free_at(channel(1), is_privileged, slow, start) - start;
        assert_eq!(free_after(false, Duration::from_secs(10)), Duration::from_millis(10_500));
        assert_eq!(free_after(false, Duration::from_millis(1)), Duration::from_millis(1_200));
        assert_eq!(free_after(true, Duration::from_secs(10)), Duration::ZERO);
    }

    #[test]
    fn what_was_written_late_counts_from_then() {
        let (mut windows, start) = (MessageWindows::new(&LimitsConfig::default(), Arc::new(Unshared)), Instant::now());
        (0..20).for_each(|n| windows.note(channel(n), start));
        let written_at = start + Duration::from_secs(5);
        windows.defer(&[channel(18), channel(19)], written_at);
        assert_eq!(windows.sent.times.iter().filter(|&&at| at == written_at).count(), 2);
        let free_at = windows.free_at(channel(19), true, Duration::ZERO, start);
        assert_eq!(free_at, start, "those with privileges need no pause");
        assert!(
            windows.free_at(channel(19), false, Duration::ZERO, start) >= written_at + Duration::from_millis(1_200)
        );
    }

    #[test]
    fn limits_that_are_off_hold_back_nothing_and_remember_nothing() {
        let off = LimitsConfig { enforce: false, ..LimitsConfig::default() };
        let (mut windows, mut joins, now) =
            (MessageWindows::new(&off, Arc::new(Unshared)), RateWindow::new(false, 1, Duration::ZERO), Instant::now());
        for _ in 0..1_000 {
            assert_eq!(windows.free_at(channel(1), false, Duration::from_secs(10), now), now);
            assert_eq!((joins.free_at(now), joins.room(now)), (now, usize::MAX));
            windows.note(channel(1), now);
            joins.note(now);
        }
        assert!(windows.last.is_empty() && windows.sent.times.is_empty() && joins.times.is_empty());
    }

    #[test]
    fn a_window_says_how_many_more_fit() {
        let (mut joins, start) = (RateWindow::new(true, 3, Duration::from_secs(10)), Instant::now());
        joins.note(start);
        joins.note(start + Duration::from_secs(1));
        assert_eq!(joins.room(start + Duration::from_secs(1)), 1);
        assert_eq!(joins.room(start + Duration::from_millis(12_500)), 2);
    }

    #[test]
    fn what_another_process_sent_counts() {
        let (mut windows, start) = (MessageWindows::new(&LimitsConfig::default(), Arc::new(Unshared)), Instant::now());
        windows.assume(20, start);
        assert_eq!(windows.used(start), 20);
        let full_until = start + Duration::from_millis(32_500);
        assert_eq!(windows.free_at(channel(1), false, Duration::ZERO, start), full_until);
        assert_eq!(windows.free_at(channel(1), true, Duration::ZERO, start), start);
        assert_eq!(windows.used(full_until), 0);
    }

    #[test]
    fn many_channels_are_not_remembered_for_ever() {
        let (mut windows, start) = (MessageWindows::new(&LimitsConfig::default(), Arc::new(Unshared)), Instant::now());
        for n in 0..10_000u64 {
            windows.note(ChannelId(n), start + Duration::from_secs(n));
        }
        assert!(windows.last.len() <= CHANNELS_UNSWEPT && windows.sent.times.len() <= 100);
    }

    proptest! {
        /// Twitch's view: the arrival times, however unevenly the messages travel within the margin. They cannot
        /// overtake each other, because they share one stream.
        #[test]
        fn no_thirty_seconds_hold_more_than_twitch_allows(arrivals in arrivals()) {
            let (mut windows, mut now) = (MessageWindows::new(&LimitsConfig::default(), Arc::new(Unshared)), Instant::now());
            let (mut seen, mut arrived) = (Vec::new(), now);
            for (gap, name, is_privileged, delay) in arrivals {
                now += Duration::from_millis(gap);
                let free_at = windows.free_at(channel(name), is_privileged, Duration::ZERO, now);
                prop_assert!(free_at <= now + Duration::from_millis(32_500), "a message never waits for more than a window");
                now = free_at;
                windows.note(channel(name), now);
                arrived = arrived.max(now + Duration::from_millis(delay));
                seen.push((arrived, is_privileged));
            }
            let all: Vec<_> = seen.iter().map(|&(at, _)| at).collect();
            let window = Duration::from_secs(30);
            prop_assert!(busiest(&all, window) <= 100);
            for (index, &(at, is_privileged)) in seen.iter().enumerate() {
                let before = all[..=index].iter().filter(|&&other| at < other + window).count();
                prop_assert!(is_privileged || before <= 20, "{before} messages, the last to an unprivileged channel");
            }
        }

        #[test]
        fn no_second_holds_two_messages_to_an_unprivileged_channel(
            arrivals in prop::collection::vec((0u64..3_000, 0u8..3, 0u64..=200), 1..200)
        ) {
            let (mut windows, mut now) = (MessageWindows::new(&LimitsConfig::default(), Arc::new(Unshared)), Instant::now());
            let mut seen: HashMap<u8, Vec<Instant>> = HashMap::new();
            for (gap, name, delay) in arrivals {
                now = windows.free_at(channel(name), false, Duration::ZERO, now + Duration::from_millis(gap));
                windows.note(channel(name), now);
                seen.entry(name).or_default().push(now + Duration::from_millis(delay));
            }
            for arrived in seen.values() {
                prop_assert!(busiest(arrived, Duration::from_secs(1)) <= 1);
            }
        }

        /// Slow mode changes all the time; the mode at a message's arrival counts.
        #[test]
        fn no_two_messages_come_closer_than_slow_mode_asks(
            arrivals in prop::collection::vec((0u64..20_000, 0u8..3, 0u64..=120, 0u64..=500), 1..200)
        ) {
            let (mut windows, mut now) = (MessageWindows::new(&LimitsConfig::default(), Arc::new(Unshared)), Instant::now());
            let mut arrived_at: HashMap<u8, Instant> = HashMap::new();
            for (gap, name, slow, delay) in arrivals {
                let slow = Duration::from_secs(slow);
                now = windows.free_at(channel(name), false, slow, now + Duration::from_millis(gap));
                windows.note(channel(name), now);
                let arrives_at = now + Duration::from_millis(delay);
                if let Some(before) = arrived_at.insert(name, arrives_at) {
                    prop_assert!(before + slow <= arrives_at);
                }
            }
        }

        #[test]
        fn joins_keep_their_window_as_well(arrivals in prop::collection::vec((0u64..600, 0u64..=2_500), 1..200)) {
            let (mut joins, mut now) = (RateWindow::new(true, 20, Duration::from_secs(10)), Instant::now());
            let mut seen = Vec::new();
            for (gap, delay) in arrivals {
                now = joins.free_at(now + Duration::from_millis(gap));
                prop_assert!(joins.room(now) > 0);
                joins.note(now);
                seen.push(now + Duration::from_millis(delay));
            }
            prop_assert!(busiest(&seen, Duration::from_secs(10)) <= 20);
        }
    }
}
