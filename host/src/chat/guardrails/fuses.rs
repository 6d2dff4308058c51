//! Decides when a module that breaks ignores a chatter, is switched off, and counts as broken everywhere. Pure.
//!
//! Faults count per version and channel, so a person with many accounts can at worst switch a module off in the channel
//! where all these accounts write.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant, SystemTime};

use lru::LruCache;

use crate::config::FuseConfig;
use crate::domain::fuse::BlownFuse;
use crate::domain::id::{ChannelId, ChatterId, ModuleDigest};

/// Versions in channels whose faults are remembered. Beyond this number, the one that broke longest ago is forgotten.
const MOST_TALLIES: NonZeroUsize = NonZeroUsize::new(8192).expect("8192 is not zero");
/// Versions for which the channels where they blew are remembered.
const MOST_BLOWN: NonZeroUsize = NonZeroUsize::new(256).expect("256 is not zero");
/// Most faults of a version in a channel, and most chatters that it ignores there. No threshold is higher.
const MOST: usize = 64;

/// How long a module stays off each time that its fuse blows, if it may come back by itself; then for good.
const PAUSES: [Duration; 3] = [Duration::from_secs(600), Duration::from_secs(3600), Duration::from_secs(6 * 3600)];
/// A module that has been back for this long starts again with the first pause.
const FORGIVEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// A guest's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GuestFault {
    pub channel: ChannelId,
    pub digest: ModuleDigest,
    pub chatter: ChatterId,
    /// False if only an API key's holder claims that this chatter made the call.
    pub is_proven: bool,
    /// When the call was asked for.
    pub asked_at: Instant,
}

/// A version's fuse has blown in a channel, because of these chatters' calls. Only proven chatters are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blown {
    pub chatters: BTreeSet<ChatterId>,
}

/// How long a module is to stay off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    /// `None`: until it is restored by hand.
    pub span: Option<Duration>,
    /// Whether earlier times that the fuse blew no longer count.
    pub begins_anew: bool,
}

/// The recent faults of all versions.
#[derive(Debug)]
pub(super) struct Fuses {
    rules: FuseConfig,
    tallies: LruCache<(ChannelId, ModuleDigest), Tally>,
    everywhere: LruCache<ModuleDigest, BlownChannels>,
}

/// A remembered fault.
#[derive(Clone, Copy, Debug)]
struct Noted {
    at: Instant,
    chatter: ChatterId,
    is_proven: bool,
}

/// A version's faults in one channel.
#[derive(Debug, Default)]
struct Tally {
    /// Faults within the window, the oldest first; at most [`MOST`].
    faults: VecDeque<Noted>,
    /// Until when each chatter is ignored; at most [`MOST`].
    ignored: HashMap<ChatterId, Instant>,
    blown_at: Option<Instant>,
}

/// Where a version has blown. Each channel counts only with chatters that had no part in an earlier one.
#[derive(Debug, Default)]
struct BlownChannels {
    channels: BTreeSet<ChannelId>,
    chatters: BTreeSet<ChatterId>,
    is_reported: bool,
}

impl Fuses {
    pub(super) fn new(rules: FuseConfig) -> Fuses {
        Fuses { rules, tallies: LruCache::new(MOST_TALLIES), everywhere: LruCache::new(MOST_BLOWN) }
    }

    /// How much longer this version ignores the chatter's calls in this channel; `None` if it does not.
    pub(super) fn find_ignored(
        &self,
        channel: ChannelId,
        digest: ModuleDigest,
        chatter: ChatterId,
        now: Instant,
    ) -> Option<Duration> {
        let until = self.tallies.peek(&(channel, digest))?.ignored.get(&chatter)?;
        Some(until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Counts a fault. The fault that reaches the limit blows the fuse and resets the count; later faults of calls that
    /// were in flight at that moment do not count.
    pub(super) fn note(&mut self, broken: GuestFault, now: Instant) -> Option<Blown> {
        let rules = &self.rules;
        let tally = self.tallies.get_or_insert_mut((broken.channel, broken.digest), Tally::default);
        if tally.blown_at.is_some_and(|blown_at| broken.asked_at <= blown_at) {
            return None;
        }
        tally.forget_old(rules, now);
        let GuestFault { chatter, is_proven, .. } = broken;
        tally.faults.push_back(Noted { at: now, chatter, is_proven });
        let chatters: BTreeSet<ChatterId> = tally.faults.iter().map(|fault| fault.chatter).collect();
        if tally.faults.len() >= rules.faults && chatters.len() >= rules.chatters {
            let proven = tally.faults.iter().filter(|fault| fault.is_proven);
            let chatters = proven.map(|fault| fault.chatter).collect();
            *tally = Tally { blown_at: Some(now), ..Tally::default() };
            return Some(Blown { chatters });
        }
        let own = tally.faults.iter().filter(|fault| fault.chatter == chatter).count();
        if own >= rules.ignore_after {
            tally.ignore(chatter, now + rules.ignore_for);
        }
        None
    }

    /// Notes that a version blew in a channel. Returns true, once, if the version now counts as broken everywhere.
    pub(super) fn is_everywhere(
        &mut self,
        channel: ChannelId,
        digest: ModuleDigest,
        blown: &Blown,
        uploaded_at: SystemTime,
        now: SystemTime,
    ) -> bool {
        // An upload time in the future means that the clock was set back: the version counts as new.
        if now.duration_since(uploaded_at).is_ok_and(|age| age > self.rules.new_for) {
            return false;
        }
        // An API key's holder could make up chatters in a channel of their own, which must not affect other channels.
        if blown.chatters.len() < self.rules.chatters {
            return false;
        }
        let everywhere = self.everywhere.get_or_insert_mut(digest, BlownChannels::default);
        if everywhere.is_reported {
            return false;
        }
        // A few people who go from channel to channel must not count as many.
        if everywhere.chatters.is_disjoint(&blown.chatters) && everywhere.channels.insert(channel) {
            everywhere.chatters.extend(&blown.chatters);
        }
        everywhere.is_reported = everywhere.channels.len() >= self.rules.channels;
        everywhere.is_reported
    }
}

impl Tally {
    fn forget_old(&mut self, rules: &FuseConfig, now: Instant) {
        while self.faults.front().is_some_and(|fault| fault.at + rules.window <= now) || self.faults.len() >= MOST {
            self.faults.pop_front();
        }
        self.ignored.retain(|_, until| *until > now);
    }

    fn ignore(&mut self, chatter: ChatterId, until: Instant) {
        if self.ignored.len() >= MOST
            && let Some(first) = self.ignored.iter().min_by_key(|(_, until)| **until).map(|(chatter, _)| *chatter)
        {
            self.ignored.remove(&first);
        }
        self.ignored.insert(chatter, until);
    }
}

/// How long a version whose fuse blows now stays off. `before` is the last time that it blew.
pub(crate) fn pause_after(
    before: Option<&BlownFuse>,
    digest: ModuleDigest,
    rules: &FuseConfig,
    now: SystemTime,
) -> Pause {
    let before = before.filter(|before| before.digest == digest);
    let is_forgiven = |before: &BlownFuse| before.until.is_some_and(|until| until + FORGIVEN_AFTER <= now);
    let begins_anew = before.is_some_and(is_forgiven);
    let times = before.filter(|_| !begins_anew).map_or(0, |before| before.times);
    let span = PAUSES.get(usize::try_from(times).unwrap_or(usize::MAX)).copied();
    Pause { span: span.filter(|_| rules.restore), begins_anew }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHOP: ChannelId = ChannelId(1);
    const OTHER: ChannelId = ChannelId(2);
    const DICE: ModuleDigest = ModuleDigest([1; 32]);

    /// A clock, and fuses that record faults of `DICE` at its time.
    struct Bench {
        fuses: Fuses,
        now: Instant,
    }

    impl Bench {
        fn new() -> Bench {
            Bench { fuses: Fuses::new(FuseConfig::default()), now: Instant::now() }
        }

        fn wait(&mut self, minutes: u64) {
            self.now += Duration::from_secs(60 * minutes);
        }

        fn note(&mut self, channel: ChannelId, chatter: u64) -> bool {
            self.now += Duration::from_nanos(1);
            let broken =
                GuestFault { channel, digest: DICE, chatter: ChatterId(chatter), is_proven: true, asked_at: self.now };
            self.fuses.note(broken, self.now).is_some()
        }

        fn is_ignored(&self, channel: ChannelId, chatter: u64) -> bool {
            self.fuses.find_ignored(channel, DICE, ChatterId(chatter), self.now).is_some()
        }
    }

    #[test]
    fn a_chatter_is_ignored_after_two_faults_for_ten_minutes() {
        let mut bench = Bench::new();
        bench.note(SHOP, 7);
        assert!(!bench.is_ignored(SHOP, 7));
        bench.wait(9);
        bench.note(SHOP, 7);
        assert!(bench.is_ignored(SHOP, 7));
        assert!(!bench.is_ignored(SHOP, 8) && !bench.is_ignored(OTHER, 7));
        let other = bench.fuses.find_ignored(SHOP, ModuleDigest([2; 32]), ChatterId(7), bench.now);
        assert_eq!(other, None, "another version");
        bench.wait(9);
        assert!(bench.is_ignored(SHOP, 7));
        bench.wait(1);
        assert!(!bench.is_ignored(SHOP, 7));
    }

    #[test]
    fn five_faults_from_three_chatters_blow_it_in_one_channel() {
        let mut bench = Bench::new();
        let blown = [1, 1, 2, 2].map(|chatter| bench.note(SHOP, chatter));
        assert_eq!(blown, [false; 4]);
        assert!(!bench.note(OTHER, 3));
        assert!(bench.note(SHOP, 3));
        assert!(!bench.is_ignored(SHOP, 1), "counting begins anew");
    }

    #[test]
    fn two_chatters_never_blow_it() {
        let mut bench = Bench::new();
        assert!((0..100).all(|number| !bench.note(SHOP, number % 2)));
    }

    #[test]
    fn old_faults_do_not_count() {
        let mut bench = Bench::new();
        assert_eq!([1, 1, 2, 2].map(|chatter| bench.note(SHOP, chatter)), [false; 4]);
        bench.wait(10);
        assert!(!bench.note(SHOP, 3));
    }

    #[test]
    fn calls_in_flight_when_it_blew_do_not_blow_it_again() {
        let mut bench = Bench::new();
        let asked_at = bench.now;
        assert!([1, 2, 3, 4, 5].map(|chatter| bench.note(SHOP, chatter))[4]);
        for chatter in 1..50 {
            let broken =
                GuestFault { channel: SHOP, digest: DICE, chatter: ChatterId(chatter), is_proven: true, asked_at };
            assert_eq!(bench.fuses.note(broken, bench.now), None);
        }
    }

    #[test]
    fn a_new_version_that_blows_in_three_channels_by_different_chatters_is_reported_once() {
        let (mut fuses, uploaded) = (Fuses::new(FuseConfig::default()), SystemTime::UNIX_EPOCH);
        let late = uploaded + Duration::from_secs(24 * 3600 + 1);
        let mut blow = |channel, chatters: [u64; 3], now| {
            let blown = Blown { chatters: chatters.map(ChatterId).into() };
            fuses.is_everywhere(ChannelId(channel), DICE, &blown, uploaded, now)
        };
        assert!(!blow(1, [1, 2, 3], uploaded));
        assert!(!blow(2, [3, 4, 5], uploaded), "one of them was there before");
        assert!(!blow(1, [10, 11, 12], uploaded), "the same channel");
        assert!(!blow(2, [4, 5, 6], uploaded));
        assert!(!blow(3, [7, 8, 9], late), "it is no longer new");
        assert!(blow(3, [7, 8, 9], uploaded));
        assert!(!blow(4, [20, 21, 22], uploaded), "told already");
    }

    #[test]
    fn chatters_that_are_only_claimed_break_nothing_elsewhere() {
        let (mut fuses, uploaded, now) = (Fuses::new(FuseConfig::default()), SystemTime::UNIX_EPOCH, Instant::now());
        let mut blow = |channel: u64, proven: usize| {
            let channel = ChannelId(channel);
            let faults = (0..5).map(|number| {
                let chatter = ChatterId(channel.0 * 10 + number as u64);
                GuestFault { channel, digest: DICE, chatter, is_proven: number < proven, asked_at: now }
            });
            let blown: Vec<Blown> = faults.filter_map(|broken| fuses.note(broken, now)).collect();
            assert_eq!(blown.len(), 1, "there it is off");
            fuses.is_everywhere(channel, DICE, &blown[0], uploaded, uploaded)
        };
        assert_eq!(
            [(1, 0), (2, 2), (3, 0), (4, 3), (5, 4), (6, 5)].map(|(channel, proven)| blow(channel, proven)),
            [false, false, false, false, false, true]
        );
    }

    #[test]
    fn pauses_grow_until_it_stays_off() {
        let (rules, now) = (FuseConfig { restore: true, ..FuseConfig::default() }, SystemTime::UNIX_EPOCH);
        let blown = |times, until| BlownFuse { digest: DICE, until, times, is_over: false };
        let pause = |times| pause_after(Some(&blown(times, Some(now))), DICE, &rules, now).span;
        assert_eq!(pause_after(None, DICE, &rules, now).span, Some(PAUSES[0]));
        assert_eq!([1, 2, 3, 4].map(pause), [Some(PAUSES[1]), Some(PAUSES[2]), None, None]);
        let forgiven = pause_after(Some(&blown(2, Some(now))), DICE, &rules, now + FORGIVEN_AFTER);
        assert_eq!(forgiven, Pause { span: Some(PAUSES[0]), begins_anew: true });
        let other = pause_after(Some(&blown(2, Some(now))), ModuleDigest([2; 32]), &rules, now);
        assert_eq!(other, Pause { span: Some(PAUSES[0]), begins_anew: false });
        let by_hand = pause_after(None, DICE, &FuseConfig::default(), now);
        assert_eq!(by_hand, Pause { span: None, begins_anew: false });
    }

    proptest! {
        /// The model keeps every fault since the fuse last blew.
        #[test]
        fn it_blows_exactly_at_the_fault_that_is_too_much(
            steps in proptest::collection::vec((1_u64..3, 0_u64..5, 0_u64..4), 1..80)
        ) {
            let (mut bench, mut model) = (Bench::new(), HashMap::<u64, Vec<(Instant, u64)>>::new());
            for (channel, chatter, minutes) in steps {
                bench.wait(minutes);
                let has_blown = bench.note(ChannelId(channel), chatter);

                let faults = model.entry(channel).or_default();
                faults.push((bench.now, chatter));
                let window = Duration::from_secs(600);
                let recent: Vec<u64> =
                    faults.iter().filter(|(at, _)| *at + window > bench.now).map(|(_, chatter)| *chatter).collect();
                let chatters: BTreeSet<&u64> = recent.iter().collect();
                let expected = recent.len() >= 5 && chatters.len() >= 3;
                if expected {
                    faults.clear();
                }
                prop_assert_eq!(has_blown, expected);
                let is_ignored = recent.iter().filter(|recent| **recent == chatter).count() >= 2;
                prop_assert_eq!(bench.is_ignored(ChannelId(channel), chatter), is_ignored && !expected);
            }
        }

        #[test]
        fn whatever_breaks_what_is_remembered_is_bounded(
            faults in proptest::collection::vec(any::<u64>(), 200..400), at_once: bool
        ) {
            let rules = FuseConfig { faults: 64, chatters: 64, ignore_after: 1, ..FuseConfig::default() };
            let mut bench = Bench { fuses: Fuses::new(rules), ..Bench::new() };
            for chatter in faults {
                bench.wait(u64::from(!at_once));
                bench.note(SHOP, chatter % 63);
                bench.note(SHOP, 1000);
                for (_, tally) in &bench.fuses.tallies {
                    prop_assert!(tally.faults.len() <= MOST && tally.ignored.len() <= MOST);
                }
            }
        }
    }
}
