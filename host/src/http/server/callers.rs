//! The gate's caches: rates, keys and requests in flight of callers.

use std::num::NonZeroUsize;
use std::sync::{Mutex, Once};
use std::time::{Duration, SystemTime};

use lru::LruCache;

use super::address::{AddressGroup, Hosts};
use super::throttle::{Buckets, InFlight, lock};
use crate::config::HttpConfig;
use crate::domain::principal::{CallerId, KeyId};

/// Most entries in each of the gate's caches; the least recently used one is dropped first.
const CALLERS: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is more than none");
/// Wrong keys that an address may send at once, and the time until it may send one more. 256 bits cannot be guessed at
/// any rate; this limit protects the log and the processor.
const WRONG_KEYS: u32 = 10;
const WRONG_KEY_EVERY: Duration = Duration::from_secs(6);
/// The last use of a key is stored at most this often.
const USE_NOTED_EVERY: Duration = Duration::from_secs(60);

/// The state of all callers' limits.
pub(in crate::http) struct Gate {
    pub(super) hosts: Hosts,
    pub(super) wrong_keys: Mutex<Buckets<AddressGroup>>,
    /// Valid keys, with the addresses that sent them. Others at the same address who try keys, or still send a revoked
    /// one, cannot lock them out by using up `wrong_keys`.
    pub(super) right_keys: Mutex<LruCache<(KeyId, AddressGroup), ()>>,
    pub(super) without_key: Mutex<Buckets<AddressGroup>>,
    pub(super) caller_rates: Mutex<Buckets<CallerId>>,
    pub(super) in_flight: InFlight<CallerId>,
    uses: Mutex<LruCache<KeyId, SystemTime>>,
    pub(super) warn_of_proxy: Once,
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
            caller_rates: Mutex::new(Buckets::new(config.burst, every(config.rate), CALLERS)),
            in_flight: InFlight::new(config.concurrency),
            uses: Mutex::new(LruCache::new(CALLERS)),
            warn_of_proxy: Once::new(),
        }
    }

    /// The key's last use in this process, which may be later than the one in the database.
    pub(in crate::http) fn find_use(&self, id: &KeyId) -> Option<SystemTime> {
        lock(&self.uses).peek(id).copied()
    }

    /// Whether the use has to be written to the database.
    pub(super) fn note_use(&self, id: &KeyId, now: SystemTime) -> bool {
        let mut uses = lock(&self.uses);
        let is_known = uses.get(id).is_some_and(|noted| now < *noted + USE_NOTED_EVERY);
        if !is_known {
            uses.put(id.clone(), now);
        }
        !is_known
    }
}
