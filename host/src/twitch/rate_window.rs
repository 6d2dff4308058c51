//! Twitch's limits as sliding windows. Pure: every moment is a parameter.
//!
//! Twitch's buckets refill on a schedule that a client cannot know, so only a window that slides is safe against any
//! of them (pajlada's tmi-rate-limits). And what counts is when Twitch sees a message, not when it was written: one
//! that was held up on its way comes closer to the next. Hence the margins.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::LimitsConfig;
use crate::domain::id::ChannelId;

/// Added to every window: how much longer than its neighbour a line may take to arrive. Other clients wait 2 s
/// (twurple, messages) and 2.5 s (Chatterino, joins) longer than Twitch asks.
pub const WINDOW_MARGIN: Duration = Duration::from_millis(2_500);
/// Added to the pause between two messages to one channel; twurple waits 1.2 s too. Going over it loses a message but
/// silences nobody.
pub const CHANNEL_MARGIN: Duration = Duration::from_millis(200);
/// Channels whose last message is remembered before those whose pause is over are swept out.
const CHANNELS_UNSWEPT: usize = 256;

/// The latest moments at which something happened, as many as its limit asks about.
#[derive(Clone, Debug)]
pub struct RateWindow {
    limit: usize,
    span: Duration,
    times: VecDeque<Instant>,
}

impl RateWindow {
    /// At most `limit` within any `span`, and the margin; a limit of zero counts as one.
    pub fn new(limit: usize, span: Duration) -> Self {
        Self { limit: limit.max(1), span: span + WINDOW_MARGIN, times: VecDeque::new() }
    }

    /// The first moment, `now` or later, at which one more is within the limit.
    pub fn free_at(&self, now: Instant) -> Instant {
        self.free_below(self.limit, now)
    }

    /// The same for a stricter limit than the window's own.
    fn free_below(&self, limit: usize, now: Instant) -> Instant {
        let oldest = self.times.len().checked_sub(limit.max(1)).and_then(|index| self.times.get(index));
        oldest.map_or(now, |&at| now.max(at + self.span))
    }

    /// How many more are within the limit at `now`.
    pub fn room(&self, now: Instant) -> usize {
        let counting = self.times.iter().rev().take_while(|&&at| now < at + self.span).count();
        self.limit.saturating_sub(counting)
    }

    /// Counts one that happened at `now`, which never goes back.
    pub fn note(&mut self, now: Instant) {
        self.times.push_back(now);
        if self.times.len() > self.limit {
            self.times.pop_front();
        }
    }
}

/// All that holds back one account's messages.
#[derive(Clone, Debug)]
pub struct MessageWindows {
    /// Every message counts here, to whatever channel.
    sent: RateWindow,
    unprivileged_limit: usize,
    every: Duration,
    last: HashMap<ChannelId, Instant>,
}

impl MessageWindows {
    pub fn new(limits: &LimitsConfig) -> Self {
        Self {
            sent: RateWindow::new(limits.privileged_messages.max(limits.messages), limits.window),
            unprivileged_limit: limits.messages,
            every: limits.message_every + CHANNEL_MARGIN,
            last: HashMap::new(),
        }
    }

    /// The first moment, `now` or later, at which a message may go to `channel`. Messages to channels where the
    /// account is broadcaster, moderator or VIP use up the lower limit but are not held back by it, nor by the pause
    /// (dev.twitch.tv/docs/chat, "Rate limits").
    pub fn free_at(&self, channel: ChannelId, is_privileged: bool, now: Instant) -> Instant {
        if is_privileged {
            return self.sent.free_at(now);
        }
        let pause_ends = self.last.get(&channel).map_or(now, |&at| at + self.every);
        self.sent.free_below(self.unprivileged_limit, now).max(pause_ends)
    }

    /// Counts a message that left at `now`.
    pub fn note(&mut self, channel: ChannelId, now: Instant) {
        self.sent.note(now);
        if self.last.len() >= CHANNELS_UNSWEPT {
            let every = self.every;
            self.last.retain(|_, at| now < *at + every);
        }
        self.last.insert(channel, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn channel(n: u8) -> ChannelId {
        ChannelId(u64::from(n))
    }

    /// The most of `seen` that any half-open span holds.
    fn busiest(seen: &[Instant], span: Duration) -> usize {
        let within = |start: Instant| seen.iter().filter(|&&at| start <= at && at < start + span).count();
        seen.iter().map(|&start| within(start)).max().unwrap_or(0)
    }

    /// A message asked for: after how long, where, and how long it takes to arrive.
    fn arrivals() -> impl Strategy<Value = Vec<(u64, u8, bool, u64)>> {
        prop::collection::vec((0u64..900, 0u8..40, any::<bool>(), 0u64..=2_500), 1..400)
    }

    #[test]
    fn twenty_messages_leave_at_once_and_the_next_waits_for_the_window() {
        let (mut windows, start) = (MessageWindows::new(&LimitsConfig::default()), Instant::now());
        for n in 0..20 {
            assert_eq!(windows.free_at(channel(n), false, start), start);
            windows.note(channel(n), start);
        }
        let full_until = start + Duration::from_millis(32_500);
        assert_eq!(windows.free_at(channel(20), false, start), full_until);
        assert_eq!(windows.free_at(channel(20), true, start), start);
        for n in 0..80 {
            windows.note(channel(n), start);
        }
        assert_eq!(windows.free_at(channel(20), true, start), full_until);
        assert_eq!(windows.free_at(channel(20), true, full_until), full_until);
    }

    #[test]
    fn a_channel_without_privileges_hears_one_message_a_second() {
        let (mut windows, start) = (MessageWindows::new(&LimitsConfig::default()), Instant::now());
        windows.note(channel(1), start);
        assert_eq!(windows.free_at(channel(1), false, start), start + Duration::from_millis(1_200));
        assert_eq!(windows.free_at(channel(1), true, start), start);
        assert_eq!(windows.free_at(channel(2), false, start), start);
    }

    #[test]
    fn a_window_says_how_many_more_fit() {
        let (mut joins, start) = (RateWindow::new(3, Duration::from_secs(10)), Instant::now());
        joins.note(start);
        joins.note(start + Duration::from_secs(1));
        assert_eq!(joins.room(start + Duration::from_secs(1)), 1);
        assert_eq!(joins.room(start + Duration::from_millis(12_500)), 2);
    }

    #[test]
    fn many_channels_are_not_remembered_for_ever() {
        let (mut windows, start) = (MessageWindows::new(&LimitsConfig::default()), Instant::now());
        for n in 0..10_000u64 {
            windows.note(ChannelId(n), start + Duration::from_secs(n));
        }
        assert!(windows.last.len() <= CHANNELS_UNSWEPT && windows.sent.times.len() <= 100);
    }

    proptest! {
        /// Twitch's own view: the times at which messages arrive there, however unevenly they travel within the
        /// margin. They do not overtake each other: it is one stream.
        #[test]
        fn no_thirty_seconds_hold_more_than_twitch_allows(arrivals in arrivals()) {
            let (mut windows, mut now) = (MessageWindows::new(&LimitsConfig::default()), Instant::now());
            let (mut seen, mut arrived) = (Vec::new(), now);
            for (gap, name, is_privileged, delay) in arrivals {
                now += Duration::from_millis(gap);
                let free_at = windows.free_at(channel(name), is_privileged, now);
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
            let (mut windows, mut now) = (MessageWindows::new(&LimitsConfig::default()), Instant::now());
            let mut seen: HashMap<u8, Vec<Instant>> = HashMap::new();
            for (gap, name, delay) in arrivals {
                now = windows.free_at(channel(name), false, now + Duration::from_millis(gap));
                windows.note(channel(name), now);
                seen.entry(name).or_default().push(now + Duration::from_millis(delay));
            }
            for arrived in seen.values() {
                prop_assert!(busiest(arrived, Duration::from_secs(1)) <= 1);
            }
        }

        #[test]
        fn joins_keep_their_window_as_well(arrivals in prop::collection::vec((0u64..600, 0u64..=2_500), 1..200)) {
            let (mut joins, mut now) = (RateWindow::new(20, Duration::from_secs(10)), Instant::now());
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
