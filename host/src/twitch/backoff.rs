//! Delays before a retry.

use std::time::Duration;

/// Doubling delays, each shortened at random by up to a half. Otherwise many hosts that lost Twitch at the same moment
/// would reconnect at the same moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    attempts: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, attempts: 0 }
    }

    pub(crate) fn next_delay(&mut self) -> Duration {
        // Without randomness the delay is full-length: all hosts then retry together, which does no other harm.
        let dice = getrandom::u32().unwrap_or(u32::MAX);
        self.cut_delay(f64::from(dice) / f64::from(u32::MAX))
    }

    /// `share` is between 0 and 1; 0 halves the delay, 1 leaves it whole.
    fn cut_delay(&mut self, share: f64) -> Duration {
        let full = self.first.saturating_mul(2u32.saturating_pow(self.attempts)).min(self.longest);
        self.attempts = self.attempts.saturating_add(1);
        full.mul_f64(0.5 + share / 2.0)
    }

    /// Makes the next delay the first one again.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_reset() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(1), seconds(10));
        let full: Vec<_> = (0..6).map(|_| backoff.cut_delay(1.0)).collect();
        assert_eq!(full, [1, 2, 4, 8, 10, 10].map(seconds));
        for _ in 0..100 {
            let delay = backoff.next_delay();
            assert!(seconds(5) <= delay && delay <= seconds(10), "{delay:?}");
        }
        backoff.reset();
        assert_eq!(backoff.cut_delay(0.0), Duration::from_millis(500));
    }
}
