//! Every channel's set-up, in memory: prefix, modules, grants, settings, and which word calls what.
//!
//! SQLite holds the truth; a snapshot here is replaced whole after each commit that wrote it, so the hot path reads it
//! without a disk, and never sees half a change. Who may change what is decided by pure functions over a snapshot
//! (`change`, `words`); nothing here writes: a change is an effect, and takes place when its transaction commits.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::Manifest;
use crate::store::{Store, StoreError};

pub mod change;
pub mod channel;
pub mod listing;
pub mod overrides;
pub mod span;
pub mod value;
pub mod words;

#[cfg(test)]
mod sample;

use channel::ChannelSetup;

/// The modules that answer in every channel and cannot be disabled: without them a creator could be locked out.
pub const ALWAYS_ON: [&str; 2] = ["settings", "help"];

/// Which modules are on where a channel has not said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewChannelRules {
    /// Those of [`ALWAYS_ON`].
    Essentials,
    /// All that the host has: the demo.
    Everything,
}

impl NewChannelRules {
    pub(crate) fn is_on(self, module: &ModuleName) -> bool {
        self == NewChannelRules::Everything || is_always_on(module)
    }
}

pub(crate) fn is_always_on(module: &ModuleName) -> bool {
    ALWAYS_ON.contains(&module.as_str())
}

/// The snapshots of all channels, and the modules that there are.
pub struct Setup {
    store: Arc<Store>,
    rules: NewChannelRules,
    catalogue: RwLock<BTreeMap<ModuleName, Arc<Manifest>>>,
    channels: RwLock<HashMap<ChannelId, Arc<ChannelSetup>>>,
}

impl Setup {
    pub fn new(store: Arc<Store>, rules: NewChannelRules) -> Setup {
        Setup { store, rules, catalogue: RwLock::default(), channels: RwLock::default() }
    }

    /// Takes the place of an earlier version of the same name. Channels see it once they are loaded anew.
    pub fn add_module(&self, manifest: Arc<Manifest>) {
        let mut catalogue = self.catalogue.write().unwrap_or_else(PoisonError::into_inner);
        catalogue.insert(manifest.name.clone(), manifest);
    }

    /// Loads every channel that the store knows.
    pub fn load_all(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// Loads one channel, where the store's revision is not older than what is here.
    pub fn reload(&self, channel: ChannelId) -> Result<(), StoreError> {
        let _ = (channel, &self.store, self.rules);
        todo!()
    }

    /// None for a channel whose id the host never learned.
    pub fn find_channel(&self, channel: ChannelId) -> Option<Arc<ChannelSetup>> {
        self.channels.read().unwrap_or_else(PoisonError::into_inner).get(&channel).cloned()
    }
}
