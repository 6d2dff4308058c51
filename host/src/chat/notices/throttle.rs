//! Limits how often the same thing is said. `now` is a parameter.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

/// Keys remembered. Beyond this number, the least recently used key is forgotten, and may be said again too early.
const MOST_KEYS: NonZeroUsize = NonZeroUsize::new(8192).expect("8192 is not zero");

/// When each key was last said.
#[derive(Debug)]
pub(super) struct Throttle<K: Hash + Eq> {
    every: Duration,
    last_at: Mutex<LruCache<K, Instant>>,
}

impl<K: Hash + Eq> Throttle<K> {
    pub(super) fn new(every: Duration) -> Throttle<K> {
        Throttle { every, last_at: Mutex::new(LruCache::new(MOST_KEYS)) }
    }

    /// Whether `key` may be said now. If so, it counts as said.
    pub(super) fn try_take(&self, key: K, now: Instant) -> bool {
        let mut last_at = self.last_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last_at.get(&key).is_none_or(|last| now >= *last + self.every);
        if is_due {
            last_at.put(key, now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_said_once_in_a_while() {
        let (apologies, now) = (Throttle::new(Duration::from_secs(60)), Instant::now());
        let apologise = |channel: u64, seconds| apologies.try_take(channel, now + Duration::from_secs(seconds));
        assert!(apologise(1, 0));
        assert!(!apologise(1, 1));
        assert!(apologise(2, 1));
        assert!(!apologise(1, 59));
        assert!(apologise(1, 60));
        assert!(!apologise(1, 119));
    }

    #[test]
    fn remembered_keys_are_bounded() {
        let (throttle, now) = (Throttle::new(Duration::from_secs(60)), Instant::now());
        for key in 0..=MOST_KEYS.get() {
            assert!(throttle.try_take(key, now));
        }
        assert_eq!(throttle.last_at.lock().unwrap().len(), MOST_KEYS.get());
        assert!(!throttle.try_take(MOST_KEYS.get(), now));
    }
}
