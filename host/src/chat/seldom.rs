//! What a channel shall hear only every so often. Pure; `now` is a parameter.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::domain::id::ChannelId;

/// When each channel last heard it. Bounded by the channels that the bot sits in.
#[derive(Debug)]
pub struct Seldom {
    every: Duration,
    last_at: HashMap<ChannelId, Instant>,
}

impl Seldom {
    pub fn new(every: Duration) -> Seldom {
        Seldom { every, last_at: HashMap::new() }
    }

    /// Whether it may be said now; if so, it counts as said.
    pub fn try_take(&mut self, channel: ChannelId, now: Instant) -> bool {
        let is_due = self.last_at.get(&channel).is_none_or(|last_at| now >= *last_at + self.every);
        if is_due {
            self.last_at.insert(channel, now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_hears_it_once_in_a_while() {
        let (mut apologies, now) = (Seldom::new(Duration::from_secs(60)), Instant::now());
        let mut apologise =
            |channel, seconds| apologies.try_take(ChannelId(channel), now + Duration::from_secs(seconds));
        assert!(apologise(1, 0));
        assert!(!apologise(1, 1));
        assert!(apologise(2, 1));
        assert!(!apologise(1, 59));
        assert!(apologise(1, 60));
        assert!(!apologise(1, 119));
    }
}
