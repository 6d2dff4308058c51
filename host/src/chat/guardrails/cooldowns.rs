//! Limits how often a command may be called in a channel, and by one chatter. Pure; `now` is a parameter.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::domain::id::{ChannelId, ChatterId};
use crate::domain::role::Role;

/// Chatters with this role or a higher one never wait, and their calls start no cooldown.
pub(super) const EXEMPT_FROM: Role = Role::Moderator;

/// Cooldowns that run at once in one channel. To push out the running cooldown that ends soonest, an attacker needs
/// this many others, each of another chatter or command. That gains only the rest of the shortest wait, and only in
/// this channel.
pub(super) const MOST_PER_CHANNEL: usize = 4096;

/// A call that requests to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub channel: ChannelId,
    /// The command's declared name.
    pub command: Box<str>,
    pub chatter: ChatterId,
    pub role: Role,
    pub channel_cooldown: Duration,
    pub chatter_cooldown: Duration,
}

/// The cooldowns that a call started, to be given back if the call fails by no fault of the chatter's.
#[derive(Debug)]
#[must_use]
pub(crate) struct StartedCooldowns {
    channel: ChannelId,
    ends: Vec<(Instant, Key)>,
}

/// The running cooldowns. Bounded by the number of joined channels times [`MOST_PER_CHANNEL`].
#[derive(Debug, Default)]
pub(super) struct Cooldowns {
    channels: HashMap<ChannelId, Running>,
}

/// A command's cooldown: for all chatters if `chatter` is `None`, else for that one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    command: Box<str>,
    chatter: Option<ChatterId>,
}

/// One channel's cooldowns, by key and by end.
#[derive(Debug, Default)]
struct Running {
    spans: HashMap<Key, Span>,
    by_end: BTreeSet<(Instant, Key)>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: Instant,
    end: Instant,
}

impl Attempt {
    fn keys(&self) -> [(Key, Duration); 2] {
        [(None, self.channel_cooldown), (Some(self.chatter), self.chatter_cooldown)]
            .map(|(chatter, cooldown)| (Key { command: self.command.clone(), chatter }, cooldown))
    }
}

impl StartedCooldowns {
    /// For a call that starts no cooldown.
    pub(crate) fn nothing(channel: ChannelId) -> StartedCooldowns {
        StartedCooldowns { channel, ends: Vec::new() }
    }
}

impl Cooldowns {
    /// Starts the cooldowns of a call. If one of them still runs, starts none and returns how much longer it does.
    pub(super) fn try_start(&mut self, attempt: &Attempt, now: Instant) -> Result<StartedCooldowns, Duration> {
        let mut started = StartedCooldowns::nothing(attempt.channel);
        if attempt.role >= EXEMPT_FROM {
            return Ok(started);
        }
        let running = self.channels.entry(attempt.channel).or_default();
        running.forget_ended(now);
        let keys = attempt.keys();
        running.check(&keys, now)?;
        for (key, cooldown) in keys.into_iter().filter(|(_, cooldown)| !cooldown.is_zero()) {
            let span = Span { start: now, end: now + cooldown };
            running.insert(key.clone(), span);
            started.ends.push((span.end, key));
        }
        Ok(started)
    }

    /// Returns what [`Cooldowns::try_start`] would, without starting a cooldown.
    pub(super) fn check(&self, attempt: &Attempt, now: Instant) -> Result<(), Duration> {
        match self.channels.get(&attempt.channel) {
            Some(running) if attempt.role < EXEMPT_FROM => running.check(&attempt.keys(), now),
            _ => Ok(()),
        }
    }

    /// Ends the cooldowns that the call started.
    pub(super) fn cancel(&mut self, started: StartedCooldowns) {
        let Some(running) = self.channels.get_mut(&started.channel) else { return };
        for (end, key) in started.ends {
            // If this cooldown has ended, a later call may have started one with the same key: that one must stay.
            if running.by_end.remove(&(end, key.clone())) {
                running.spans.remove(&key);
            }
        }
    }
}

impl Running {
    fn forget_ended(&mut self, now: Instant) {
        while self.by_end.first().is_some_and(|(end, _)| *end <= now) {
            self.forget_first();
        }
    }

    /// Fails with the longest remaining time of these. A cooldown shortened since its start has its new length.
    fn check(&self, keys: &[(Key, Duration)], now: Instant) -> Result<(), Duration> {
        let running = |key| self.spans.get(key).filter(|span| now < span.end);
        let ends = keys.iter().filter_map(|(key, cooldown)| Some(running(key)?.start + *cooldown));
        let left = ends.map(|end| end.saturating_duration_since(now)).max().unwrap_or_default();
        if left.is_zero() { Ok(()) } else { Err(left) }
    }

    fn insert(&mut self, key: Key, span: Span) {
        if self.spans.len() >= MOST_PER_CHANNEL {
            self.forget_first();
        }
        if let Some(shortened) = self.spans.insert(key.clone(), span) {
            self.by_end.remove(&(shortened.end, key.clone()));
        }
        self.by_end.insert((span.end, key));
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.by_end.pop_first() {
            self.spans.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn attempt(command: &str, chatter: u64) -> Attempt {
        Attempt {
            channel: ChannelId(1),
            command: command.into(),
            chatter: ChatterId(chatter),
            role: Role::Everyone,
            channel_cooldown: Duration::ZERO,
            chatter_cooldown: 10 * SECOND,
        }
    }

    fn may_call(cooldowns: &mut Cooldowns, attempt: &Attempt, now: Instant) -> bool {
        let may_call = cooldowns.check(attempt, now);
        let started = cooldowns.try_start(attempt, now);
        assert_eq!(started.as_ref().err(), may_call.as_ref().err(), "looking tells what taking does");
        started.is_ok()
    }

    #[test]
    fn cooldown_ends_after_its_time() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        assert!(may_call(&mut cooldowns, &attempt("balance", 7), now));
        assert!(!may_call(&mut cooldowns, &attempt("balance", 7), now + 10 * SECOND - Duration::from_nanos(1)));
        assert!(may_call(&mut cooldowns, &attempt("balance", 7), now + 10 * SECOND));
    }

    #[test]
    fn a_chatter_who_comes_too_early_learns_how_long_to_wait() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        let shared = Attempt { channel_cooldown: 2 * SECOND, ..attempt("balance", 7) };
        assert!(may_call(&mut cooldowns, &shared, now));
        let other = Attempt { chatter: ChatterId(8), ..shared.clone() };
        assert_eq!(cooldowns.try_start(&shared, now + SECOND).unwrap_err(), 9 * SECOND);
        assert_eq!(cooldowns.try_start(&other, now + SECOND).unwrap_err(), SECOND);
    }

    #[test]
    fn a_chatters_cooldown_holds_for_one_command_in_one_channel() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        let elsewhere = Attempt { channel: ChannelId(2), ..attempt("balance", 7) };
        for allowed in [attempt("balance", 7), attempt("balance", 8), attempt("help", 7), elsewhere] {
            assert!(may_call(&mut cooldowns, &allowed, now), "{allowed:?}");
        }
    }

    #[test]
    fn a_channels_cooldown_holds_for_every_chatter() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        let shared = |chatter| Attempt { channel_cooldown: 2 * SECOND, ..attempt("balance", chatter) };
        assert!(may_call(&mut cooldowns, &shared(7), now));
        assert!(!may_call(&mut cooldowns, &shared(8), now + SECOND));
        assert!(may_call(&mut cooldowns, &shared(8), now + 2 * SECOND));
    }

    #[test]
    fn moderators_and_the_broadcaster_neither_wait_nor_keep_others_waiting() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        let shared = |role| Attempt { role, channel_cooldown: SECOND, ..attempt("balance", 7) };
        for role in [Role::Moderator, Role::Broadcaster, Role::Moderator, Role::Vip, Role::Broadcaster] {
            assert!(may_call(&mut cooldowns, &shared(role), now), "{role}");
        }
        for role in [Role::Vip, Role::Subscriber, Role::Everyone] {
            assert!(!may_call(&mut cooldowns, &shared(role), now), "{role}");
        }
    }

    #[test]
    fn what_is_given_back_was_never_taken() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        let started = cooldowns.try_start(&attempt("balance", 7), now).unwrap();
        cooldowns.cancel(started);
        assert!(may_call(&mut cooldowns, &attempt("balance", 7), now));
    }

    #[test]
    fn giving_back_late_leaves_the_next_calls_cooldown() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        let started = cooldowns.try_start(&attempt("balance", 7), now).unwrap();
        assert!(may_call(&mut cooldowns, &attempt("balance", 7), now + 10 * SECOND));
        cooldowns.cancel(started);
        assert!(!may_call(&mut cooldowns, &attempt("balance", 7), now + 10 * SECOND));
    }

    #[test]
    fn a_cooldown_that_is_shortened_is_shorter_at_once() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        let lasting = |seconds| Attempt { chatter_cooldown: seconds * SECOND, ..attempt("balance", 7) };
        assert!(may_call(&mut cooldowns, &lasting(3600), now));
        assert!(!may_call(&mut cooldowns, &lasting(5), now + 4 * SECOND));
        assert!(may_call(&mut cooldowns, &lasting(5), now + 5 * SECOND));
        assert!(may_call(&mut cooldowns, &lasting(0), now + 6 * SECOND));
        assert!(!may_call(&mut cooldowns, &lasting(5), now + 6 * SECOND));
        assert!(may_call(&mut cooldowns, &lasting(3600), now + 10 * SECOND));
        assert_eq!(cooldowns.channels[&ChannelId(1)].by_end.len(), 1);
    }

    #[test]
    fn a_flood_pushes_out_what_ends_soonest_and_nothing_in_another_channel() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        let long = Attempt { chatter_cooldown: 60 * SECOND, ..attempt("balance", 1) };
        let elsewhere = Attempt { channel: ChannelId(2), chatter_cooldown: SECOND, ..attempt("balance", 2) };
        assert!(may_call(&mut cooldowns, &long, now) && may_call(&mut cooldowns, &elsewhere, now));
        for chatter in 0..2 * MOST_PER_CHANNEL as u64 {
            assert!(may_call(&mut cooldowns, &attempt("balance", 100 + chatter), now));
        }

        assert_eq!(cooldowns.channels[&ChannelId(1)].spans.len(), MOST_PER_CHANNEL);
        assert!(!may_call(&mut cooldowns, &long, now));
        assert!(!may_call(&mut cooldowns, &elsewhere, now));
    }

    /// The first command has a cooldown for the channel, the second one for chatters, the third has both.
    fn arbitrary_attempt() -> impl Strategy<Value = Attempt> {
        (0_usize..3, 0_u64..3, 1_u64..3, 0_usize..5).prop_map(|(command, chatter, channel, role)| Attempt {
            channel: ChannelId(channel),
            chatter_cooldown: [0, 3, 5][command] * SECOND,
            channel_cooldown: [2, 0, 4][command] * SECOND,
            role: Role::ALL[role],
            ..attempt(["balance", "help", "roll"][command], chatter)
        })
    }

    proptest! {
        /// The model searches all calls that were allowed and not given back.
        #[test]
        fn a_call_is_let_through_exactly_where_no_earlier_one_stands_in_its_way(
            steps in proptest::collection::vec((arbitrary_attempt(), 0_u32..4, any::<bool>()), 1..60)
        ) {
            let (mut cooldowns, mut now) = (Cooldowns::default(), Instant::now());
            let mut kept: Vec<(Attempt, Instant)> = Vec::new();
            for (attempt, seconds, comes_to_nothing) in steps {
                now += seconds * SECOND;
                let is_in_the_way = |(earlier, at): &(Attempt, Instant)| {
                    let is_same = (earlier.channel, &earlier.command) == (attempt.channel, &attempt.command);
                    let by_channel = now < *at + earlier.channel_cooldown;
                    let by_chatter = earlier.chatter == attempt.chatter && now < *at + earlier.chatter_cooldown;
                    is_same && (by_channel || by_chatter)
                };
                let is_exempt = attempt.role >= EXEMPT_FROM;
                let expected = is_exempt || !kept.iter().any(is_in_the_way);

                let started = cooldowns.try_start(&attempt, now);

                prop_assert_eq!(started.is_ok(), expected);
                match started {
                    Ok(started) if comes_to_nothing => cooldowns.cancel(started),
                    Ok(_) if !is_exempt => kept.push((attempt, now)),
                    _ => {}
                }
                for running in cooldowns.channels.values() {
                    prop_assert_eq!(running.spans.len(), running.by_end.len());
                }
            }
        }
    }
}
