//! Limits on requests in flight: of all modules, of one module in one channel, and of one module in all channels. The
//! last one leaves some for other modules if a module's server is dead and each of its requests lasts long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::id::{ChannelId, ModuleName};
use crate::net::lookups::has_share;

/// The sender of requests: a module in a channel.
pub(super) type Requester = (ChannelId, ModuleName);

type Counts = Arc<Mutex<HashMap<Requester, usize>>>;

/// Contains only senders with requests in flight, so it is bounded. Without a permit a request is refused, not queued.
pub(super) struct InFlight {
    in_all: usize,
    each: usize,
    counts: Counts,
}

impl InFlight {
    pub(super) fn new(in_all: usize, each: usize) -> InFlight {
        InFlight { in_all, each, counts: Arc::default() }
    }

    pub(super) fn find_permit(&self, sender: &Requester) -> Option<Permit> {
        let mut counts = lock(&self.counts);
        let free = self.in_all.saturating_sub(counts.values().sum());
        let of_module = counts.iter().filter(|((_, module), _)| *module == sender.1).map(|(_, own)| own).sum::<usize>();
        let own = counts.get(sender).copied().unwrap_or_default();
        if !has_share(of_module, free) || own >= self.each {
            return None;
        }
        counts.insert(sender.clone(), own + 1);
        Some(Permit { sender: sender.clone(), counts: Arc::clone(&self.counts) })
    }
}

/// Permission for one request, given back on drop.
pub(super) struct Permit {
    sender: Requester,
    counts: Counts,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(own) = counts.get_mut(&self.sender) {
            *own -= 1;
            if *own == 0 {
                counts.remove(&self.sender);
            }
        }
    }
}

/// Usable after a panic: no code under this lock panics.
fn lock(counts: &Counts) -> MutexGuard<'_, HashMap<Requester, usize>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(channel: u64) -> Requester {
        sender_of("weather", channel)
    }

    fn sender_of(module: &str, channel: u64) -> Requester {
        (ChannelId(channel), module.parse().unwrap())
    }

    #[test]
    fn a_module_has_its_share_in_each_channel_and_all_have_an_end() {
        let in_flight = InFlight::new(3, 2);
        let held: Vec<_> = [1, 1, 2].map(|channel| in_flight.find_permit(&sender(channel)).unwrap()).into();
        assert!(in_flight.find_permit(&sender(3)).is_none(), "no permit in all");
        drop(held);
        let _first = in_flight.find_permit(&sender(1)).unwrap();
        let second = in_flight.find_permit(&sender(1)).unwrap();
        assert!(in_flight.find_permit(&sender(1)).is_none(), "no permit of its own");
        drop(second);
        assert!(in_flight.find_permit(&sender(1)).is_some());
        assert_eq!(lock(&in_flight.counts).len(), 1, "a sender without a request is forgotten");
    }
    #[test]
    fn a_module_in_many_channels_leaves_permits_to_others() {
        let in_flight = InFlight::new(64, 4);
        let mut held = Vec::new();
        let mut take_all = |module: &str| {
            let before = held.len();
            held.extend((0..100).filter_map(|channel| in_flight.find_permit(&sender_of(module, channel))));
            held.len() - before
        };
        assert_eq!(["dead", "slow", "late", "weather"].map(&mut take_all), [48, 12, 3, 1]);
        assert_eq!(take_all("dead"), 0);
        held.truncate(47);
        assert!(in_flight.find_permit(&sender_of("dead", 200)).is_some(), "what was given back is there for all");
    }
}
