//! Who may run now: places given out in the order of asking, so many a channel.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::id::ChannelId;

/// Calls of one channel that wait for a place; the next ones are sent away.
const MOST_WAITING: usize = 64;

/// A number of places for each channel. With one place it is a fair lock. Knows only the channels that hold or wait
/// for a place, so it is as small as the number of calls under way.
pub(super) struct PerChannel {
    places: usize,
    channels: Arc<Mutex<HashMap<ChannelId, Entry>>>,
}

struct Entry {
    places: Arc<Semaphore>,
    /// Holding and waiting.
    claims: usize,
}

impl PerChannel {
    pub(super) fn new(places: usize) -> PerChannel {
        PerChannel { places, channels: Arc::default() }
    }

    /// Waits for a place; None where too many wait already.
    pub(super) async fn acquire(&self, channel: ChannelId) -> Option<Place> {
        self.acquire_among(channel, self.places + MOST_WAITING).await
    }

    /// Waits for a place, however many wait already: for those who have been let in, and must not be sent away.
    pub(super) async fn acquire_in_any_case(&self, channel: ChannelId) -> Option<Place> {
        self.acquire_among(channel, usize::MAX).await
    }

    async fn acquire_among(&self, channel: ChannelId, most_claims: usize) -> Option<Place> {
        let (claim, places) = self.enter(channel, most_claims)?;
        let permit = places.acquire_owned().await.ok()?;
        Some(Place { _permit: permit, _claim: claim })
    }

    fn enter(&self, channel: ChannelId, most_claims: usize) -> Option<(Claim, Arc<Semaphore>)> {
        let mut channels = lock(&self.channels);
        let entry = channels
            .entry(channel)
            .or_insert_with(|| Entry { places: Arc::new(Semaphore::new(self.places)), claims: 0 });
        if entry.claims >= most_claims {
            return None;
        }
        entry.claims += 1;
        Some((Claim { channel, channels: Arc::clone(&self.channels) }, Arc::clone(&entry.places)))
    }
}

/// A place, given back when dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _claim: Claim,
}

/// One who holds or waits; signs off when dropped, even in the middle of waiting.
struct Claim {
    channel: ChannelId,
    channels: Arc<Mutex<HashMap<ChannelId, Entry>>>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut channels = lock(&self.channels);
        if let Some(entry) = channels.get_mut(&self.channel) {
            entry.claims -= 1;
            if entry.claims == 0 {
                channels.remove(&self.channel);
            }
        }
    }
}

/// Nothing panics while it holds this lock, so a poisoned one is still whole.
fn lock(channels: &Mutex<HashMap<ChannelId, Entry>>) -> MutexGuard<'_, HashMap<ChannelId, Entry>> {
    channels.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: ChannelId = ChannelId(1);
    const OTHER: ChannelId = ChannelId(2);

    /// Whether it is there without waiting.
    async fn is_ready<T>(future: impl Future<Output = T>) -> bool {
        tokio::select! { biased; _ = future => true, () = std::future::ready(()) => false }
    }

    #[tokio::test]
    async fn a_channel_waits_for_its_own_places_only() {
        let places = PerChannel::new(2);
        let first = places.acquire(SHOP).await;
        let _second = places.acquire(SHOP).await;
        assert!(!is_ready(places.acquire(SHOP)).await);
        assert!(is_ready(places.acquire(OTHER)).await);
        drop(first);
        assert!(is_ready(places.acquire(SHOP)).await);
    }

    #[tokio::test]
    async fn places_go_in_the_order_of_asking() {
        let places = Arc::new(PerChannel::new(1));
        let held = places.acquire(SHOP).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..5 {
            let (places, order) = (Arc::clone(&places), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let _place = places.acquire(SHOP).await;
                order.lock().unwrap().push(number);
            }));
            // The task asks before the next one is made.
            tokio::task::yield_now().await;
        }
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn too_many_are_sent_away() {
        let places = Arc::new(PerChannel::new(1));
        let held = places.acquire(SHOP).await;
        let mut waiting = Vec::new();
        for _ in 0..MOST_WAITING {
            let places = Arc::clone(&places);
            waiting.push(tokio::spawn(async move { places.acquire(SHOP).await.is_some() }));
            tokio::task::yield_now().await;
        }
        assert!(places.acquire(SHOP).await.is_none());
        assert!(!is_ready(places.acquire_in_any_case(SHOP)).await, "it waits");
        drop(held);
        for task in waiting {
            assert!(task.await.unwrap());
        }
    }

    #[tokio::test]
    async fn nothing_is_remembered_of_whoever_left() {
        let places = PerChannel::new(1);
        let held = places.acquire(SHOP).await;
        assert!(!is_ready(places.acquire(SHOP)).await, "gives up waiting");
        drop(held);
        assert!(lock(&places.channels).is_empty());
    }
}
