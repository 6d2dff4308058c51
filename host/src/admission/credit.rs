//! A limit on processor time over a longer period: of a module in a channel, or of an API key's compilations.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;

/// Keys remembered. A forgotten key has its whole credit again. The keys used longest ago are forgotten first, since
/// they have regained the most.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// A credit that running spends and that grows back evenly. Pure: the time is a parameter.
pub struct CpuCredit<K: Hash + Eq> {
    most: Duration,
    /// The time in which an empty credit becomes full again.
    window: Duration,
    spent: LruCache<K, Spent>,
}

struct Spent {
    amount: Duration,
    at: Instant,
}

impl<K: Hash + Eq> CpuCredit<K> {
    pub fn new(most: Duration, window: Duration) -> CpuCredit<K> {
        CpuCredit { most, window, spent: LruCache::new(REMEMBERED) }
    }

    /// Whether any credit is left. Calls that run while it is used up may overdraw it, each by its own budget.
    pub fn may_run(&mut self, key: &K, now: Instant) -> bool {
        self.find_wait(key, now).is_none()
    }

    /// How long until credit is left again; `None` if some is left.
    pub fn find_wait(&mut self, key: &K, now: Instant) -> Option<Duration> {
        let over = self.find_spent(key, now).checked_sub(self.most)?;
        let regained_every = self.window.as_secs_f64() / self.most.as_secs_f64().max(f64::MIN_POSITIVE);
        // A wait too long for a `Duration` is longer than any host runs.
        let wait = Duration::try_from_secs_f64(over.as_secs_f64() * regained_every).unwrap_or(Duration::MAX);
        // If exactly nothing is left, some is left a moment later.
        Some(wait.max(Duration::from_nanos(1)))
    }

    /// The time spent that has not grown back yet.
    pub fn find_spent(&mut self, key: &K, now: Instant) -> Duration {
        let (most, window) = (self.most, self.window);
        self.spent.get(key).map_or(Duration::ZERO, |spent| spent.left_over(most, window, now))
    }

    pub fn spend(&mut self, key: K, used: Duration, now: Instant) {
        let before = self.find_spent(&key, now);
        self.spent.put(key, Spent { amount: before.saturating_add(used), at: now });
    }
}

impl Spent {
    /// The part that has not grown back yet.
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

    fn credit() -> CpuCredit<u32> {
        CpuCredit::new(SECOND, 10 * SECOND)
    }

    #[test]
    fn credit_ends_and_grows_back() {
        let (mut credit, start) = (credit(), Instant::now());
        credit.spend(1, Duration::from_millis(999), start);
        assert!(credit.may_run(&1, start));
        credit.spend(1, Duration::from_millis(51), start);
        assert!(!credit.may_run(&1, start));
        assert!(!credit.may_run(&1, start + Duration::from_millis(400)));
        assert!(credit.may_run(&1, start + Duration::from_millis(600)));
    }

    #[test]
    fn each_key_pays_for_itself_alone() {
        let (mut credit, start) = (credit(), Instant::now());
        credit.spend(1, 2 * SECOND, start);
        assert!(!credit.may_run(&1, start));
        assert!(credit.may_run(&2, start));
        assert_eq!((credit.find_spent(&1, start), credit.find_spent(&2, start)), (2 * SECOND, Duration::ZERO));
    }

    #[test]
    fn after_the_wait_something_is_left() {
        let (mut credit, start) = (credit(), Instant::now());
        assert_eq!(credit.find_wait(&1, start), None);
        credit.spend(1, SECOND, start);
        assert_eq!(credit.find_wait(&1, start), Some(Duration::from_nanos(1)), "it is spent to the last");
        credit.spend(1, SECOND / 2, start);
        let wait = credit.find_wait(&1, start).unwrap();
        assert_eq!(wait.as_secs_f64().round(), 5.0);
        assert!(!credit.may_run(&1, start + wait - SECOND) && credit.may_run(&1, start + wait + SECOND / 1000));
        let mut none: CpuCredit<u32> = CpuCredit::new(Duration::ZERO, SECOND);
        assert!(none.find_wait(&1, start).is_some(), "no credit at all");
    }

    #[test]
    fn memory_is_bounded_whatever_strangers_do() {
        let (mut credit, start) = (credit(), Instant::now());
        for key in 0..10_000 {
            credit.spend(key, SECOND, start);
        }
        assert_eq!(credit.spent.len(), REMEMBERED.get());
    }

    proptest! {
        /// A module never gets more than its credit, what grew back, and one budget on top.
        #[test]
        fn use_never_exceeds_what_was_granted(steps in prop::collection::vec((0_u64..2_000, 1_u64..50), 1..200)) {
            let (mut credit, start) = (credit(), Instant::now());
            let (mut now, mut used) = (start, Duration::ZERO);
            for (wait, budget) in steps {
                now += Duration::from_millis(wait);
                if credit.may_run(&1, now) {
                    credit.spend(1, Duration::from_millis(budget), now);
                    used += Duration::from_millis(budget);
                }
            }
            let granted = SECOND + (now - start) / 10 + Duration::from_millis(50);
            prop_assert!(used <= granted + Duration::from_micros(200), "{used:?} of {granted:?}");
        }
    }
}
