//! How many requests are under way at once: so many in all, so many of one module in one channel, and of one module
//! in all channels fewer than would keep others from theirs: its server may be dead, and each of its requests last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::id::{ChannelId, ModuleName};

/// A module may have so many for each that is free. So alone it gets three in four; the next one gets three in four
/// of the rest; and whoever comes then still finds some.
const FOR_EACH_FREE: usize = 3;

/// Whether a module that has so many may have another one of what all modules share.
pub(super) fn has_share(own: usize, free: usize) -> bool {
    own < FOR_EACH_FREE * free
}

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
        let free = self.in_all.saturating_sub(taken.values().sum());
        let of_module = taken.iter().filter(|((_, module), _)| *module == sender.1).map(|(_, own)| own).sum::<usize>();
        let own = taken.get(sender).copied().unwrap_or_default();
        if !has_share(of_module, free) || own >= self.each {
            return None;
        }
        taken.insert(sender.clone(), own + 1);
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
        sender_of("weather", channel)
    }

    fn sender_of(module: &str, channel: u64) -> Sender {
        (ChannelId(channel), module.parse().unwrap())
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
    #[test]
    fn a_module_in_many_channels_leaves_seats_to_others() {
        let seats = Seats::new(64, 4);
        let mut held = Vec::new();
        let mut take_all = |module: &str| {
            let before = held.len();
            held.extend((0..100).filter_map(|channel| seats.take(&sender_of(module, channel))));
            held.len() - before
        };
        assert_eq!(["dead", "slow", "late", "weather"].map(&mut take_all), [48, 12, 3, 1]);
        assert_eq!(take_all("dead"), 0);
        held.truncate(47);
        assert!(seats.take(&sender_of("dead", 200)).is_some(), "what was given back is there for all");
    }
}
