//! Timestamps and message ids, made from a base and a seed so that every run has the same.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Clock {
    started_at: Instant,
    /// Wall-clock time at `started_at`, in Unix milliseconds.
    base_ms: u128,
    seed: u64,
    ids: u64,
}

impl Clock {
    pub(crate) fn new(base: SystemTime, seed: u64) -> Self {
        let base_ms = base.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self { started_at: Instant::now(), base_ms, seed, ids: 0 }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The `tmi-sent-ts` of `now`.
    pub(crate) fn sent_ts(&self, now: Instant) -> String {
        (self.base_ms + now.saturating_duration_since(self.started_at).as_millis()).to_string()
    }

    /// The next message id: a mixed counter in the format of a UUID.
    pub(crate) fn next_id(&mut self) -> String {
        self.ids += 1;
        let (high, low) = (mix(self.seed.wrapping_add(self.ids)), mix(!self.seed ^ self.ids));
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 48) & 0x3fff,
            low & 0xffff_ffff_ffff
        )
    }
}

/// The finishing step of SplitMix64: maps neighbouring numbers to unrelated ones.
pub(super) fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn ids_are_uuids_by_their_looks_and_the_same_in_every_run() {
        let ids = |seed| {
            let mut clock = Clock::new(UNIX_EPOCH, seed);
            [clock.next_id(), clock.next_id()]
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
        let [first, second] = ids(7);
        assert_ne!(first, second);
        assert_eq!(first.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(first.as_bytes()[14], b'4');
    }

    #[test]
    fn timestamps_are_the_base_and_what_has_passed_since() {
        let clock = Clock::new(UNIX_EPOCH + Duration::from_secs(5), 0);
        assert_eq!(clock.sent_ts(clock.started_at + Duration::from_millis(250)), "5250");
    }
}
