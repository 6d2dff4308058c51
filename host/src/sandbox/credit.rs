//! How much processor time a module may use in a channel over a longer while.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;

use crate::domain::id::{ChannelId, ModuleName};

/// Pairs of channel and module that are remembered. A forgotten one has its whole credit again; the ones used longest
/// ago, which have regained the most, go first.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// A credit that is spent by running and grows back evenly. Pure: the time is a parameter.
pub(super) struct CpuCredit {
    most: Duration,
    /// In which an empty credit becomes whole again.
    window: Duration,
    spent: LruCache<(ChannelId, ModuleName), Spent>,
}

struct Spent {
    amount: Duration,
    at: Instant,
}

impl CpuCredit {
    pub(super) fn new(most: Duration, window: Duration) -> CpuCredit {
        CpuCredit { most, window, spent: LruCache::new(REMEMBERED) }
    }

    /// Whether anything is left. Calls that run while the last of it is used may overdraw, each by its own budget.
    pub(super) fn may_run(&mut self, channel: ChannelId, module: &ModuleName, now: Instant) -> bool {
        let (most, window) = (self.most, self.window);
        self.spent.get(&(channel, module.clone())).is_none_or(|spent| spent.left_over(most, window, now) < most)
    }

    pub(super) fn spend(&mut self, channel: ChannelId, module: &ModuleName, used: Duration, now: Instant) {
        let (most, window) = (self.most, self.window);
        let key = (channel, module.clone());
        let before = self.spent.get(&key).map_or(Duration::ZERO, |spent| spent.left_over(most, window, now));
        self.spent.put(key, Spent { amount: before + used, at: now });
    }
}

impl Spent {
    /// What of it has not grown back yet.
    fn left_over(&self, most: Duration, window: Duration, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.at);
        let regained = most.mul_f64(since.as_secs_f64() / window.as_secs_f64().max(f64::MIN_POSITIVE));
        self.amount.saturating_sub(regained)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const SHOP: ChannelId = ChannelId(1);

    fn credit() -> CpuCredit {
        CpuCredit::new(SECOND, 10 * SECOND)
    }

    fn module(name: &str) -> ModuleName {
        name.parse().unwrap()
    }

    #[test]
    fn credit_ends_and_grows_back() {
        let (mut credit, start, dice) = (credit(), Instant::now(), module("dice"));
        credit.spend(SHOP, &dice, Duration::from_millis(999), start);
        assert!(credit.may_run(SHOP, &dice, start));
        credit.spend(SHOP, &dice, Duration::from_millis(51), start);
        assert!(!credit.may_run(SHOP, &dice, start));
        assert!(!credit.may_run(SHOP, &dice, start + Duration::from_millis(400)));
        assert!(credit.may_run(SHOP, &dice, start + Duration::from_millis(600)));
    }

    #[test]
    fn one_module_in_one_channel_pays_for_itself_alone() {
        let (mut credit, start) = (credit(), Instant::now());
        credit.spend(SHOP, &module("dice"), 2 * SECOND, start);
        assert!(!credit.may_run(SHOP, &module("dice"), start));
        assert!(credit.may_run(SHOP, &module("quotes"), start));
        assert!(credit.may_run(ChannelId(2), &module("dice"), start));
    }

    #[test]
    fn memory_is_bounded_whatever_strangers_do() {
        let (mut credit, start) = (credit(), Instant::now());
        for channel in 0..10_000 {
            credit.spend(ChannelId(channel), &module("dice"), SECOND, start);
        }
        assert_eq!(credit.spent.len(), REMEMBERED.get());
    }

    proptest! {
        /// However calls arrive, a module gets no more than its credit, what grew back, and one budget on top.
        #[test]
        fn use_never_exceeds_what_was_granted(steps in prop::collection::vec((0_u64..2_000, 1_u64..50), 1..200)) {
            let (mut credit, start, dice) = (credit(), Instant::now(), module("dice"));
            let (mut now, mut used) = (start, Duration::ZERO);
            for (wait, budget) in steps {
                now += Duration::from_millis(wait);
                if credit.may_run(SHOP, &dice, now) {
                    credit.spend(SHOP, &dice, Duration::from_millis(budget), now);
                    used += Duration::from_millis(budget);
                }
            }
            let granted = SECOND + (now - start) / 10 + Duration::from_millis(50);
            prop_assert!(used <= granted + Duration::from_micros(200), "{used:?} of {granted:?}");
        }
    }
}
