//! What the gate remembers of callers.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, SystemTime};

use lru::LruCache;

use super::address::{AddressGroup, Hosts};
use super::throttle::{Buckets, InFlight};
use crate::config::HttpConfig;
use crate::domain::principal::{CallerId, KeyId};

/// Callers that are remembered; whoever has not asked for longest is forgotten first.
const CALLERS: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is more than none");
/// Wrong keys that one address may show at once, and the time after which it may show one more. 256 bits are not guessed
/// at any pace: this is for the log and the processor.
const WRONG_KEYS: u32 = 10;
const WRONG_KEY_EVERY: Duration = Duration::from_secs(6);
/// How exactly the last use of a key is known.
const USE_NOTED_EVERY: Duration = Duration::from_secs(60);

/// What is remembered of callers.
pub(in crate::http) struct Gate {
    pub(super) hosts: Hosts,
    pub(super) wrong_keys: Mutex<Buckets<AddressGroup>>,
    /// Right keys, and where from they were shown: others at that address who try keys, or one that was revoked and is
    /// still asked with, do not lock these out.
    pub(super) right_keys: Mutex<LruCache<(KeyId, AddressGroup), ()>>,
    pub(super) without_key: Mutex<Buckets<AddressGroup>>,
    pub(super) of_callers: Mutex<Buckets<CallerId>>,
    pub(super) in_flight: InFlight<CallerId>,
    uses: Mutex<LruCache<KeyId, SystemTime>>,
    pub(super) tell_of_proxy: Once,
}

impl Gate {
    pub(in crate::http) fn new(config: &HttpConfig) -> Gate {
        let every = |rate: u32| Duration::from_secs(1) / rate.max(1);
        let without_key = Buckets::new(config.burst_without_key, every(config.rate_without_key), CALLERS);
        Gate {
            hosts: Hosts::new(config),
            wrong_keys: Mutex::new(Buckets::new(WRONG_KEYS, WRONG_KEY_EVERY, CALLERS)),
            right_keys: Mutex::new(LruCache::new(CALLERS)),
            without_key: Mutex::new(without_key),
            of_callers: Mutex::new(Buckets::new(config.burst, every(config.rate), CALLERS)),
            in_flight: InFlight::new(config.concurrency),
            uses: Mutex::new(LruCache::new(CALLERS)),
            tell_of_proxy: Once::new(),
        }
    }

    /// The last use of a key that the database may not know of yet.
    pub(in crate::http) fn find_use(&self, id: &KeyId) -> Option<SystemTime> {
        lock(&self.uses).peek(id).copied()
    }

    /// Whether the use is to be noted in the database.
    pub(super) fn note_use(&self, id: &KeyId, now: SystemTime) -> bool {
        let mut uses = lock(&self.uses);
        let is_known = uses.get(id).is_some_and(|noted| now < *noted + USE_NOTED_EVERY);
        if !is_known {
            uses.put(id.clone(), now);
        }
        !is_known
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic in the arithmetic of a bucket leaves a bucket.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
