//! Durations of a repeated operation.

use std::time::Duration;

/// Upper ends of the buckets double from 50 us to 105 s; one more bucket counts all longer spans.
const BUCKETS: usize = 22;
const FIRST_END_US: u64 = 50;

/// Counts of spans in buckets of doubling length: small, of fixed size, and exact to a factor of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS + 1],
    total: Duration,
    longest: Duration,
}

impl Histogram {
    pub fn note(&mut self, span: Duration) {
        let bucket = (0..BUCKETS).find(|bucket| span <= end_of(*bucket)).unwrap_or(BUCKETS);
        self.counts[bucket] += 1;
        self.total += span;
        self.longest = self.longest.max(span);
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub fn total(&self) -> Duration {
        self.total
    }

    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// The end of the bucket within which the given share of all spans lies, but at most the longest span. Zero if no
    /// span was noted. `share` is between 0 and 1.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = self.count() as f64 * share;
        let mut seen = 0;
        for bucket in 0..BUCKETS {
            seen += self.counts[bucket];
            if seen > 0 && seen as f64 >= wanted {
                return end_of(bucket).min(self.longest);
            }
        }
        self.longest
    }
}

fn end_of(bucket: usize) -> Duration {
    Duration::from_micros(FIRST_END_US << bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_end_of_its_bucket_and_at_most_the_longest() {
        let ms = Duration::from_millis;
        let mut histogram = Histogram::default();
        assert_eq!((histogram.quantile(0.5), histogram.count()), (Duration::ZERO, 0));
        (0..98).for_each(|_| histogram.note(ms(1)));
        histogram.note(ms(30));
        histogram.note(Duration::from_secs(1000));
        assert_eq!(histogram.quantile(0.5), Duration::from_micros(1_600));
        assert_eq!(histogram.quantile(0.99), Duration::from_micros(51_200));
        assert_eq!((histogram.quantile(1.0), histogram.longest()), (ms(1_000_000), ms(1_000_000)));
        assert_eq!((histogram.count(), histogram.total()), (100, ms(98 + 30 + 1_000_000)));
    }
}
