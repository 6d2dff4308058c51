//! How many calls may be under way, in all and for one channel.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::id::ChannelId;

/// Calls that run or wait to run. A channel's share is an eighth, so that one alone cannot fill the house.
const MOST: usize = 512;
const MOST_PER_CHANNEL: usize = 64;

/// The seats that are taken.
#[derive(Clone, Debug, Default)]
pub struct Seats {
    taken: Arc<Mutex<HashMap<ChannelId, usize>>>,
}

/// One call's place, given up on drop.
#[derive(Debug)]
#[must_use]
pub struct Seat {
    seats: Seats,
    channel: ChannelId,
}

impl Seats {
    /// None where the channel, or the house, is full.
    pub fn try_take(&self, channel: ChannelId) -> Option<Seat> {
        let mut taken = self.lock();
        // At most `MOST` channels are in the map, since a channel without a call is not.
        let is_full = taken.values().sum::<usize>() >= MOST;
        let of_channel = taken.get(&channel).copied().unwrap_or_default();
        if is_full || of_channel >= MOST_PER_CHANNEL {
            return None;
        }
        taken.insert(channel, of_channel + 1);
        Some(Seat { seats: self.clone(), channel })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ChannelId, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        match taken.get_mut(&self.channel) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.channel)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_fills_its_share_and_no_more() {
        let seats = Seats::default();
        let mut held: Vec<Seat> = (0..MOST_PER_CHANNEL).filter_map(|_| seats.try_take(ChannelId(1))).collect();
        assert_eq!(held.len(), MOST_PER_CHANNEL);
        assert!(seats.try_take(ChannelId(1)).is_none());
        held.extend(seats.try_take(ChannelId(2)));
        assert_eq!(held.len(), MOST_PER_CHANNEL + 1);
        drop(held.remove(0));
        assert!(seats.try_take(ChannelId(1)).is_some());
    }

    #[test]
    fn the_house_is_full_at_last_and_empty_in_the_end() {
        let seats = Seats::default();
        let held: Vec<Seat> = (0..2 * MOST as u64).filter_map(|channel| seats.try_take(ChannelId(channel))).collect();
        assert_eq!(held.len(), MOST);
        drop(held);
        assert!(seats.lock().is_empty());
    }
}
