//! How many calls may be under way, in all and for one channel.
//!
//! A full house holds up whoever brings the next call, which in the end slows the connections down: a burst is carried
//! out as fast as the machine can, and nothing of it is lost. But calls that take long must not close the house to other
//! channels: what has been under way for a second no longer counts there, and only its own channel pays for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::domain::id::ChannelId;

/// Calls younger than [`FRESH_FOR`] that run or wait to run; the next one waits.
const MOST_FRESH: usize = 1024;
const FRESH_FOR: Duration = Duration::from_secs(1);
/// Of one channel, however old; the next one is dropped.
const MOST_PER_CHANNEL: usize = 64;
/// Of all channels, however old; the next one is dropped.
const MOST: usize = 4096;

/// The seats that are taken.
#[derive(Clone, Debug, Default)]
pub struct Seats {
    house: Arc<House>,
}

#[derive(Debug, Default)]
struct House {
    taken: Mutex<Taken>,
    given_up: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    /// Only channels with a call are in it.
    by_channel: HashMap<ChannelId, usize>,
    all: usize,
    /// By number, so the oldest first.
    fresh: BTreeMap<u64, Instant>,
    next: u64,
}

/// One call's place, given up on drop.
#[derive(Debug)]
#[must_use]
pub struct Seat {
    house: Arc<House>,
    channel: ChannelId,
    number: u64,
}

enum Taking {
    Taken(u64),
    /// Or until a seat is given up.
    WaitUntil(Instant),
    Full,
}

impl Seats {
    /// Waits while the house is full of fresh calls; None where the channel has its share, or the house holds all that
    /// it can. One at a time waits.
    pub async fn take(&self, channel: ChannelId) -> Option<Seat> {
        loop {
            let taking = self.house.lock().take(channel, Instant::now());
            match taking {
                Taking::Taken(number) => return Some(Seat { house: Arc::clone(&self.house), channel, number }),
                Taking::Full => return None,
                Taking::WaitUntil(at) => tokio::select! {
                    () = self.house.given_up.notified() => {}
                    () = sleep_until(at) => {}
                },
            }
        }
    }

    /// None where [`Seats::take`] would wait.
    pub fn try_take(&self, channel: ChannelId) -> Option<Seat> {
        match self.house.lock().take(channel, Instant::now()) {
            Taking::Taken(number) => Some(Seat { house: Arc::clone(&self.house), channel, number }),
            Taking::WaitUntil(_) | Taking::Full => None,
        }
    }
}

impl House {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn take(&mut self, channel: ChannelId, now: Instant) -> Taking {
        let of_channel = self.by_channel.get(&channel).copied().unwrap_or_default();
        if of_channel >= MOST_PER_CHANNEL || self.all >= MOST {
            return Taking::Full;
        }
        while self.fresh.first_entry().is_some_and(|oldest| *oldest.get() + FRESH_FOR <= now) {
            self.fresh.pop_first();
        }
        if self.fresh.len() >= MOST_FRESH
            && let Some((_, oldest)) = self.fresh.first_key_value()
        {
            return Taking::WaitUntil(*oldest + FRESH_FOR);
        }
        let number = self.next;
        self.next += 1;
        self.fresh.insert(number, now);
        self.by_channel.insert(channel, of_channel + 1);
        self.all += 1;
        Taking::Taken(number)
    }

    fn give_up(&mut self, channel: ChannelId, number: u64) {
        self.fresh.remove(&number);
        self.all -= 1;
        match self.by_channel.get_mut(&channel) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.by_channel.remove(&channel)),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.house.lock().give_up(self.channel, self.number);
        self.house.given_up.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many seats as can be had without waiting, at most `wanted`, each of another channel.
    async fn take_many(seats: &Seats, first: u64, wanted: u64) -> Vec<Seat> {
        let mut held = Vec::new();
        for channel in first..first + wanted {
            let taken = tokio::select! {
                biased;
                seat = seats.take(ChannelId(channel)) => seat,
                () = std::future::ready(()) => None,
            };
            held.extend(taken);
        }
        held
    }

    #[tokio::test(start_paused = true)]
    async fn a_channel_fills_its_share_and_no_more() {
        let seats = Seats::default();
        let mut held = Vec::new();
        while let Some(seat) = seats.take(ChannelId(1)).await {
            held.push(seat);
        }
        assert_eq!(held.len(), MOST_PER_CHANNEL);
        assert!(seats.take(ChannelId(2)).await.is_some());
        drop(held.remove(0));
        assert!(seats.take(ChannelId(1)).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_house_waits_for_a_seat_to_be_given_up() {
        let seats = Seats::default();
        let mut held = take_many(&seats, 0, 2 * MOST_FRESH as u64).await;
        assert_eq!(held.len(), MOST_FRESH);
        assert!(seats.try_take(ChannelId(9)).is_none(), "who does not wait has none");
        let began = Instant::now();
        let (next, ()) = tokio::join!(seats.take(ChannelId(9)), async { drop(held.remove(0)) });
        assert!(next.is_some() && began.elapsed() < FRESH_FOR);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_take_long_do_not_close_the_house_to_other_channels() {
        let seats = Seats::default();
        let mut held = take_many(&seats, 0, MOST_FRESH as u64).await;
        let began = Instant::now();
        held.extend(seats.take(ChannelId(5)).await);
        assert_eq!(began.elapsed(), FRESH_FOR, "nobody has given a seat up");
        held.extend(take_many(&seats, 5000, 10).await);
        assert_eq!((held.len(), began.elapsed()), (MOST_FRESH + 11, FRESH_FOR));
    }

    #[tokio::test(start_paused = true)]
    async fn the_house_is_full_at_last_and_empty_in_the_end() {
        let seats = Seats::default();
        let mut held = Vec::new();
        for channel in 0..2 * MOST as u64 {
            held.extend(seats.take(ChannelId(channel)).await);
        }
        assert_eq!(held.len(), MOST);
        drop(held);
        let taken = seats.house.lock();
        assert!(taken.by_channel.is_empty() && taken.fresh.is_empty() && taken.all == 0);
    }
}
