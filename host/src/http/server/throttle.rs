//! Rate limits: token buckets, and counts of requests in flight. Reads no clock: the time is a parameter.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

use crate::domain::principal::CallerId;
use crate::http::error::ApiError;
use crate::http::principal::Principal;

/// A token bucket for each of a bounded number of callers. The least recently used bucket is dropped first; its caller
/// starts again with a full one.
pub(in crate::http) struct Buckets<K> {
    /// Most tokens in a bucket.
    burst: f64,
    /// Seconds until a bucket gains one token.
    every: f64,
    full: LruCache<K, Bucket>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl<K: Hash + Eq> Buckets<K> {
    pub(in crate::http) fn new(burst: u32, every: Duration, callers: NonZeroUsize) -> Buckets<K> {
        Buckets { burst: burst.into(), every: every.as_secs_f64(), full: LruCache::new(callers) }
    }

    /// Takes a token. `Err`: there is none, and the time until the next one.
    pub(in crate::http) fn take(&mut self, caller: K, now: Instant) -> Result<(), Duration> {
        let burst = self.burst;
        let every = self.every;
        let bucket = self.full.get_or_insert_mut(caller, || Bucket { tokens: burst, at: now });
        bucket.fill(burst, every, now);
        bucket.wait(every).map_or(Ok(()), Err)?;
        bucket.tokens -= 1.0;
        Ok(())
    }

    /// Like [`take`](Self::take), but leaves the token in the bucket.
    pub(in crate::http) fn check(&mut self, caller: &K, now: Instant) -> Result<(), Duration> {
        let Some(bucket) = self.full.get_mut(caller) else { return Ok(()) };
        bucket.fill(self.burst, self.every, now);
        bucket.wait(self.every).map_or(Ok(()), Err)
    }
}

impl Bucket {
    fn fill(&mut self, burst: f64, every: f64, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed / every).min(burst);
        self.at = self.at.max(now);
    }

    /// The time until the next token; `None` if there is one.
    fn wait(&self, every: f64) -> Option<Duration> {
        let missing = 1.0 - self.tokens;
        // A difference below a billionth is a rounding error.
        (missing > 1e-9).then(|| Duration::from_secs_f64(missing * every))
    }
}

/// Counts of requests in flight, by caller. The map is bounded by the total number of requests in flight.
pub(in crate::http) struct InFlight<K> {
    counts: Arc<Mutex<HashMap<K, usize>>>,
    most: usize,
}

/// Counts as one request in flight until it is dropped.
pub(in crate::http) struct Permit<K: Hash + Eq> {
    counts: Arc<Mutex<HashMap<K, usize>>>,
    caller: K,
}

impl<K: Hash + Eq + Clone> InFlight<K> {
    /// `most`: how many requests each caller may have in flight.
    pub(in crate::http) fn new(most: usize) -> InFlight<K> {
        InFlight { counts: Arc::default(), most }
    }

    /// `None`: the caller has `most` requests in flight.
    pub(in crate::http) fn enter(&self, caller: &K) -> Option<Permit<K>> {
        let mut counts = lock(&self.counts);
        let count = counts.entry(caller.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Permit { counts: self.counts.clone(), caller: caller.clone() })
    }
}

impl<K: Hash + Eq> Drop for Permit<K> {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.caller);
            }
        }
    }
}

/// Limits requests in flight of one costly kind: by caller, so that none keeps others out; for all creators, so that
/// they leave the operator room; and in total.
pub(in crate::http) struct Quota {
    of_caller: InFlight<CallerId>,
    of_creators: InFlight<()>,
    of_all: InFlight<()>,
}

/// The permits of one request, held until they are dropped.
pub(in crate::http) type QuotaPermit = (Permit<CallerId>, Option<Permit<()>>, Permit<()>);

impl Quota {
    pub(in crate::http) fn new(most: usize, most_of_creators: usize, most_of_a_caller: usize) -> Quota {
        Quota {
            of_caller: InFlight::new(most_of_a_caller),
            of_creators: InFlight::new(most_of_creators),
            of_all: InFlight::new(most),
        }
    }

    /// # Errors
    /// `rate_limited`: the caller has used up its own share. `busy`: others have used up a common one.
    pub(in crate::http) fn enter(&self, principal: &Principal, wait: Duration) -> Result<QuotaPermit, ApiError> {
        let of_caller = self.of_caller.enter(principal.caller()).ok_or_else(|| ApiError::rate_limited(wait))?;
        let busy = || ApiError::busy(wait);
        let of_creators = match principal.is_operator() {
            true => None,
            false => Some(self.of_creators.enter(&()).ok_or_else(busy)?),
        };
        Ok((of_caller, of_creators, self.of_all.enter(&()).ok_or_else(busy)?))
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Usable after a panic: no code under these locks panics between two changes that belong together.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Most listeners of one key, and of all keys of channels, whose listeners must not keep the operator from listening.
const LISTENERS_OF_CALLER: usize = 4;
const LISTENERS_OF_CREATORS: usize = 64;

/// The quota of listeners to events.
pub(in crate::http) fn limit_listeners() -> Quota {
    Quota::new(usize::MAX, LISTENERS_OF_CREATORS, LISTENERS_OF_CALLER)
}

/// Most bodies that are read at once. Each is in memory as far as it has arrived.
const MOST_READ: usize = 12;
/// Most uploads that are compiled and published at once. Each is in memory as a whole.
const MOST_WORKED_ON: usize = 8;
/// One key's share of each of both limits.
const MOST_OF_A_KEY: usize = 2;
/// Part of each limit that creators cannot use up, for the operator.
const OF_OPERATOR: usize = 2;

/// The quotas of uploads.
pub(in crate::http) struct Uploads {
    pub(in crate::http) read: Quota,
    pub(in crate::http) worked_on: Quota,
}

impl Default for Uploads {
    fn default() -> Uploads {
        let quota = |most| Quota::new(most, most - OF_OPERATOR, MOST_OF_A_KEY);
        Uploads { read: quota(MOST_READ), worked_on: quota(MOST_WORKED_ON) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::SystemTime;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::id::ChannelId;
    use crate::domain::principal::KeyScope;
    use crate::store::host::api_keys::ApiKey;

    const SECOND: Duration = Duration::from_secs(1);

    fn buckets(burst: u32, callers: usize) -> Buckets<u32> {
        Buckets::new(burst, SECOND, NonZeroUsize::new(callers).unwrap())
    }

    #[test]
    fn a_burst_is_granted_and_then_one_in_its_time() {
        let (mut buckets, now) = (buckets(3, 10), Instant::now());
        for _ in 0..3 {
            assert_eq!(buckets.take(1, now), Ok(()));
        }
        assert_eq!(buckets.take(1, now), Err(SECOND));
        assert_eq!(buckets.check(&1, now + SECOND / 2), Err(SECOND / 2));
        assert_eq!(buckets.take(2, now), Ok(()), "another caller has a bucket of its own");
        assert_eq!(buckets.take(1, now + SECOND), Ok(()));
        assert_eq!(buckets.take(1, now + SECOND), Err(SECOND));
    }

    #[test]
    fn callers_are_bounded() {
        let (mut buckets, now) = (buckets(1, 2), Instant::now());
        for caller in 0..100 {
            assert_eq!(buckets.take(caller, now), Ok(()));
        }
        assert_eq!(buckets.full.len(), 2);
        assert!(buckets.take(99, now).is_err() && buckets.take(0, now).is_ok());
    }

    #[test]
    fn a_request_that_ends_makes_room() {
        let in_flight = InFlight::new(2);
        let permits = (in_flight.enter(&1), in_flight.enter(&1));
        assert!(permits.0.is_some() && permits.1.is_some() && in_flight.enter(&1).is_none());
        assert!(in_flight.enter(&2).is_some());
        drop(permits);
        assert!(lock(&in_flight.counts).is_empty() && in_flight.enter(&1).is_some());
    }

    fn principal(number: u32, scope: KeyScope) -> Principal {
        let key = ApiKey {
            id: format!("{number:012x}").parse().unwrap(),
            name: "key".into(),
            digest: [0; 32],
            scopes: [scope].into(),
            role: None,
            created_at: SystemTime::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        Principal::new(key, Ipv4Addr::LOCALHOST.into())
    }

    #[test]
    fn no_key_and_no_creators_keep_all_the_others_out() {
        let creator = |number| principal(number, KeyScope::Channel(ChannelId(100)));
        let operator = |number| principal(number, KeyScope::Operator);
        let quota = Quota::new(5, 3, 2);
        let enter = |principal: &Principal| quota.enter(principal, SECOND);
        let own = (enter(&creator(1)).unwrap(), enter(&creator(1)).unwrap());
        assert_eq!(enter(&creator(1)).err(), Some(ApiError::rate_limited(SECOND)));
        let other = enter(&creator(2)).unwrap();
        assert_eq!(enter(&creator(3)).err(), Some(ApiError::busy(SECOND)));
        let of_operator = (enter(&operator(4)).unwrap(), enter(&operator(5)).unwrap());
        assert_eq!(enter(&operator(5)).err(), Some(ApiError::busy(SECOND)));
        drop((own, other, of_operator));
        assert!(enter(&creator(3)).is_ok() && enter(&operator(5)).is_ok());
    }

    proptest! {
        #[test]
        fn no_more_is_granted_than_burst_and_rate_allow(
            burst in 1_u32..20, pauses in prop::collection::vec(0_u64..3000, 1..200)
        ) {
            let (mut buckets, start) = (buckets(burst, 1), Instant::now());
            let (mut now, mut granted) = (start, 0);
            for pause in pauses {
                now += Duration::from_millis(pause);
                granted += u32::from(buckets.take(1, now).is_ok());
                let allowed = f64::from(burst) + (now - start).as_secs_f64();
                prop_assert!(f64::from(granted) <= allowed + 1e-6);
            }
        }

        #[test]
        fn a_caller_that_waits_as_asked_is_granted(burst in 1_u32..5, asked in 1_usize..20) {
            let (mut buckets, now) = (buckets(burst, 1), Instant::now());
            let last = (0..asked).map(|_| buckets.take(1, now)).last();
            if let Some(Err(wait)) = last {
                prop_assert_eq!(buckets.take(1, now + wait), Ok(()));
            }
        }
    }
}
