//! Every channel's set-up, in memory: prefix, modules, grants, settings, and which word calls what.
//!
//! SQLite holds the truth; a snapshot here is replaced whole after each commit that wrote it, so the hot path reads it
//! without a disk, and never sees half a change. Who may change what is decided by pure functions over a snapshot
//! (`change`, `words`); nothing here writes: a change is an effect, and takes place when its transaction commits.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::{Grants, Manifest, ModuleSource};
use crate::store::setup::ChannelRecord;
use crate::store::{Store, StoreError};

pub mod change;
pub mod channel;
pub mod listing;
pub mod overrides;
pub mod span;
pub mod value;
pub mod words;

#[cfg(test)]
pub(crate) mod sample;

use channel::{ChannelSetup, ModuleSetup};

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
        self.store.list_channels()?.into_iter().try_for_each(|channel| self.reload(channel))
    }

    /// Loads one channel, unless what is here is of a later revision: two reloads may overtake each other. A channel that
    /// the store does not know stays unknown.
    pub fn reload(&self, channel: ChannelId) -> Result<(), StoreError> {
        let Some(record) = self.store.load_channel(channel)? else { return Ok(()) };
        let loaded = Arc::new(self.assemble(record));
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        if channels.get(&channel).is_none_or(|present| present.revision <= loaded.revision) {
            channels.insert(channel, loaded);
        }
        Ok(())
    }

    /// None for a channel whose id the host never learned.
    pub fn find_channel(&self, channel: ChannelId) -> Option<Arc<ChannelSetup>> {
        self.channels.read().unwrap_or_else(PoisonError::into_inner).get(&channel).cloned()
    }

    /// A channel's record together with the modules that there are. What is stored of a module that is gone waits for its
    /// return.
    fn assemble(&self, mut record: ChannelRecord) -> ChannelSetup {
        let catalogue = self.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        let modules = catalogue.values().map(|manifest| {
            let name = &manifest.name;
            ModuleSetup {
                manifest: manifest.clone(),
                is_enabled: is_always_on(name)
                    || record.switched.get(name).copied().unwrap_or_else(|| self.rules.is_on(name)),
                grants: match manifest.source {
                    ModuleSource::Bundled => Grants::all(manifest),
                    ModuleSource::Uploaded => record.grants.remove(&manifest.digest).unwrap_or_default(),
                },
                settings: record.settings.remove(name).unwrap_or_default(),
                claimed: record.claimed.remove(name).unwrap_or_default(),
            }
        });
        let mut setup = ChannelSetup::new(record.channel, record.bot, modules);
        setup.revision = record.revision;
        setup.prefix = record.prefix;
        setup.locale = record.locale;
        setup.muted_until = record.muted_until;
        setup
    }
}
