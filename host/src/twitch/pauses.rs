//! How long to wait before trying again.

use std::time::Duration;

/// Doubling pauses, each cut by up to a half at random: many hosts that lost Twitch in one moment must not come back in
/// one moment.
#[derive(Debug)]
pub(crate) struct Pauses {
    first: Duration,
    longest: Duration,
    taken: u32,
}

impl Pauses {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, taken: 0 }
    }

    pub(crate) fn next_pause(&mut self) -> Duration {
        // Without randomness all would pause alike, which is only less kind.
        let dice = getrandom::u32().unwrap_or(u32::MAX);
        self.cut_pause(f64::from(dice) / f64::from(u32::MAX))
    }

    /// `share` is between 0 and 1.
    fn cut_pause(&mut self, share: f64) -> Duration {
        let full = self.first.saturating_mul(2u32.saturating_pow(self.taken)).min(self.longest);
        self.taken = self.taken.saturating_add(1);
        full.mul_f64(0.5 + share / 2.0)
    }

    /// All is well: the next trouble is the first one again.
    pub(crate) fn start_over(&mut self) {
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_start_over() {
        let seconds = Duration::from_secs;
        let mut pauses = Pauses::new(seconds(1), seconds(10));
        let full: Vec<_> = (0..6).map(|_| pauses.cut_pause(1.0)).collect();
        assert_eq!(full, [1, 2, 4, 8, 10, 10].map(seconds));
        for _ in 0..100 {
            let pause = pauses.next_pause();
            assert!(seconds(5) <= pause && pause <= seconds(10), "{pause:?}");
        }
        pauses.start_over();
        assert_eq!(pauses.cut_pause(0.0), Duration::from_millis(500));
    }
}
