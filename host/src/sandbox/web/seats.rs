//! How many requests are under way at once: so many in all, and so many of one module in one channel.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::id::{ChannelId, ModuleName};

/// Whose requests they are.
pub type Sender = (ChannelId, ModuleName);

/// Knows only who has a request under way, so it is as small as their number. Nobody waits for a seat: who finds none is
/// told at once.
pub(super) struct Seats {
    in_all: usize,
    each: usize,
    taken: Arc<Mutex<HashMap<Sender, usize>>>,
}

impl Seats {
    pub(super) fn new(in_all: usize, each: usize) -> Seats {
        Seats { in_all, each, taken: Arc::default() }
    }

    pub(super) fn take(&self, sender: &Sender) -> Option<Seat> {
        let mut taken = lock(&self.taken);
        if taken.values().sum::<usize>() >= self.in_all {
            return None;
        }
        let own = taken.entry(sender.clone()).or_default();
        if *own >= self.each {
            return None;
        }
        *own += 1;
        Some(Seat { sender: sender.clone(), taken: Arc::clone(&self.taken) })
    }
}

/// Given back when dropped.
pub(super) struct Seat {
    sender: Sender,
    taken: Arc<Mutex<HashMap<Sender, usize>>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(own) = taken.get_mut(&self.sender) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.sender);
            }
        }
    }
}

/// Nothing panics while it holds this lock, so a poisoned one is still whole.
fn lock(taken: &Mutex<HashMap<Sender, usize>>) -> MutexGuard<'_, HashMap<Sender, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(channel: u64) -> Sender {
        (ChannelId(channel), "weather".parse().unwrap())
    }

    #[test]
    fn a_module_has_its_share_in_each_channel_and_all_have_an_end() {
        let seats = Seats::new(3, 2);
        let held: Vec<_> = [1, 1, 2].map(|channel| seats.take(&sender(channel)).unwrap()).into();
        assert!(seats.take(&sender(3)).is_none(), "no seat in all");
        drop(held);
        let _first = seats.take(&sender(1)).unwrap();
        let second = seats.take(&sender(1)).unwrap();
        assert!(seats.take(&sender(1)).is_none(), "no seat of its own");
        drop(second);
        assert!(seats.take(&sender(1)).is_some());
        assert_eq!(lock(&seats.taken).len(), 1, "who has none is forgotten");
    }
}
