//! The own parts of all channels' set-ups, and an index of the channels that have touched each module.
//!
//! Guarantees: looking up or replacing one channel costs the same however many channels there are, and a replacement
//! delays only look-ups of the few channels in the same shard. Listing the channels that have touched a module costs as
//! much as the list is long.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use super::own::OwnSetup;
use crate::domain::id::{ChannelId, ModuleName};

/// Enough shards that concurrent connections rarely share a lock, and that a growing map moves few entries.
const SHARDS: usize = 256;

type Shard = HashMap<ChannelId, Arc<OwnSetup>>;

#[derive(Debug)]
pub(super) struct Snapshots {
    shards: Box<[RwLock<Shard>]>,
    /// Lock order: after a shard, never before one.
    touched: Mutex<HashMap<ModuleName, Touched>>,
}

/// The channels that have touched one module.
#[derive(Debug, Default)]
struct Touched {
    channels: BTreeSet<ChannelId>,
    /// In how many of them the module is switched on.
    enabled: usize,
}

impl Default for Snapshots {
    fn default() -> Snapshots {
        Snapshots { shards: (0..SHARDS).map(|_| RwLock::default()).collect(), touched: Mutex::default() }
    }
}

impl Snapshots {
    pub(super) fn find(&self, channel: ChannelId) -> Option<Arc<OwnSetup>> {
        self.read(channel, Arc::clone)
    }

    /// Runs `read` under the shard's lock, which spares the reference count of [`Snapshots::find`]. `read` must be
    /// short: changes of the shard's channels wait for it.
    pub(super) fn read<T>(&self, channel: ChannelId, read: impl FnOnce(&Arc<OwnSetup>) -> T) -> Option<T> {
        lock(self.shard(channel)).get(&channel).map(read)
    }

    /// Replaces a channel's own part by the result of `next`. `None` leaves it unchanged.
    ///
    /// Look-ups of the channel and lists of a module's channels wait until the replacement is made. So a list that is
    /// made after a change of the defaults contains each channel whose `next` has not seen that change.
    pub(super) fn update(&self, channel: ChannelId, next: impl FnOnce(Option<&Arc<OwnSetup>>) -> Option<OwnSetup>) {
        let mut shard = self.shard(channel).write().unwrap_or_else(PoisonError::into_inner);
        let mut touched = self.touched();
        let before = shard.get(&channel);
        let Some(next) = next(before) else { return };
        before.into_iter().for_each(|before| remove(&mut touched, before));
        add(&mut touched, &next);
        let before = shard.insert(channel, Arc::new(next));
        drop((touched, shard));
        // Freed after the locks are released.
        drop(before);
    }

    /// The channels that have touched a module, by id.
    pub(super) fn list_touching(&self, name: &ModuleName) -> Vec<ChannelId> {
        self.touched().get(name).into_iter().flat_map(|module| &module.channels).copied().collect()
    }

    /// In how many channels a module is on. `is_on_untouched`: whether it is on in channels that have not touched it.
    pub(super) fn count_enabled(&self, name: &ModuleName, is_on_untouched: bool) -> usize {
        let all = if is_on_untouched { self.shards.iter().map(|shard| lock(shard).len()).sum() } else { 0_usize };
        self.touched().get(name).map_or(all, |module| {
            let untouched = if is_on_untouched { all.saturating_sub(module.channels.len()) } else { 0 };
            untouched + module.enabled
        })
    }

    /// At most `limit` channels after `after`, by id. Visits all channels.
    pub(super) fn list_after(&self, after: Option<ChannelId>, limit: usize) -> Vec<Arc<OwnSetup>> {
        let is_after = |id: &ChannelId| after.is_none_or(|after| *id > after);
        let mut ids = Vec::new();
        for shard in &self.shards {
            ids.extend(lock(shard).keys().copied().filter(is_after));
        }
        // Of ten thousand channels only one page must be sorted.
        if ids.len() > limit {
            ids.select_nth_unstable(limit);
            ids.truncate(limit);
        }
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| self.find(id)).collect()
    }

    fn shard(&self, channel: ChannelId) -> &RwLock<Shard> {
        &self.shards[(channel.0 % SHARDS as u64) as usize]
    }

    fn touched(&self) -> MutexGuard<'_, HashMap<ModuleName, Touched>> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn add(touched: &mut HashMap<ModuleName, Touched>, own: &OwnSetup) {
    for (name, module) in own.list_touched() {
        let of_module = touched.entry(name.clone()).or_default();
        of_module.channels.insert(own.channel.id);
        of_module.enabled += usize::from(module.is_enabled);
    }
}

fn remove(touched: &mut HashMap<ModuleName, Touched>, own: &OwnSetup) {
    for (name, module) in own.list_touched() {
        if let Some(of_module) = touched.get_mut(name) {
            of_module.channels.remove(&own.channel.id);
            of_module.enabled -= usize::from(module.is_enabled);
        }
    }
}
