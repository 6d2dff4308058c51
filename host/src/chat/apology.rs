//! How often a channel hears that something broke. Pure; `now` is a parameter.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::domain::id::ChannelId;

/// Between two apologies in one channel: a broken module shall not fill the chat as well.
pub const APOLOGY_EVERY: Duration = Duration::from_secs(60);

/// When each channel last heard an apology. Bounded by the channels that the bot sits in.
#[derive(Debug, Default)]
pub struct Apologies {
    last_at: HashMap<ChannelId, Instant>,
}

impl Apologies {
    /// Whether an apology may be made now; if so, it counts as made.
    pub fn try_take(&mut self, channel: ChannelId, now: Instant) -> bool {
        let is_due = self.last_at.get(&channel).is_none_or(|last_at| now >= *last_at + APOLOGY_EVERY);
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
    fn a_channel_hears_one_apology_a_minute() {
        let (mut apologies, now) = (Apologies::default(), Instant::now());
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
