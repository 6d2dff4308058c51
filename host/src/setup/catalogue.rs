//! Every module that the host has: an immutable snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::channel::ModuleSetup;
use super::words::Words;
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::{Grants, Manifest};
use crate::domain::version::UploadedModule;

/// A module of the host.
#[derive(Clone, Debug)]
pub enum Listed {
    /// Bundled or configured: one version, granted all that it asks for.
    Fixed(Arc<Manifest>),
    Uploaded(Arc<UploadedModule>),
}

impl Listed {
    /// What a channel gets that takes the module now; None where every version is withdrawn.
    pub fn latest(&self) -> Option<&Arc<Manifest>> {
        match self {
            Listed::Fixed(manifest) => Some(manifest),
            Listed::Uploaded(module) => module.latest().map(|version| &version.manifest),
        }
    }

    /// The same, or, where every version is withdrawn, the highest of them.
    pub fn shown(&self) -> Option<&Arc<Manifest>> {
        let highest = || match self {
            Listed::Fixed(_) => None,
            Listed::Uploaded(module) => module.versions.last().map(|version| &version.manifest),
        };
        self.latest().or_else(highest)
    }
}

#[derive(Clone, Debug)]
struct Entry {
    listed: Listed,
    /// As it is in a channel that has said nothing of it; shared by all of them.
    untouched: Arc<ModuleSetup>,
    /// To every channel.
    is_offered: bool,
}

impl Entry {
    /// Also where the only version is tried out in this channel.
    fn is_offered_in(&self, channel: ChannelId) -> bool {
        let is_tried_out = || match &self.listed {
            Listed::Fixed(_) => false,
            Listed::Uploaded(module) => module.list_offered(Some(channel)).next().is_some(),
        };
        self.is_offered || is_tried_out()
    }
}

/// All modules, by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    entries: BTreeMap<ModuleName, Entry>,
    /// Those that run where a channel has said nothing: never an upload.
    running: Vec<Arc<ModuleSetup>>,
    /// What follows from `running`.
    words: Arc<Words>,
}

impl Catalogue {
    /// With a bundled or configured module, `is_enabled` where a channel has not said otherwise.
    pub(super) fn with_fixed(&self, manifest: Arc<Manifest>, is_enabled: bool) -> Catalogue {
        let grants = Grants::all(&manifest);
        let untouched = ModuleSetup { is_enabled, grants, ..ModuleSetup::new(manifest.clone()) };
        self.with(Entry { listed: Listed::Fixed(manifest), untouched: Arc::new(untouched), is_offered: true })
    }

    fn with(&self, entry: Entry) -> Catalogue {
        let mut entries = self.entries.clone();
        entries.insert(entry.untouched.manifest.name.clone(), entry);
        let running = entries.values().map(|entry| &entry.untouched).filter(|module| module.is_running());
        let running: Vec<_> = running.cloned().collect();
        Catalogue { words: Arc::new(Words::of(running.clone())), running, entries }
    }

    /// With an uploaded module, in place of what is known of it by now. Nothing changes where the name is not an upload's.
    pub(super) fn with_uploaded(&self, module: UploadedModule) -> Catalogue {
        self.with_all_uploaded([module])
    }

    /// The same, for all of them.
    pub(super) fn with_all_uploaded(&self, modules: impl IntoIterator<Item = UploadedModule>) -> Catalogue {
        let mut next = self.clone();
        for module in modules {
            if matches!(next.find(&module.name), Some(Listed::Fixed(_))) {
                continue;
            }
            let listed = Listed::Uploaded(Arc::new(module));
            let Some(shown) = listed.shown() else { continue };
            let untouched = Arc::new(ModuleSetup { may_run: false, ..ModuleSetup::new(shown.clone()) });
            let name = shown.name.clone();
            next.entries.insert(name, Entry { is_offered: listed.latest().is_some(), untouched, listed });
        }
        next
    }

    pub fn find(&self, name: &ModuleName) -> Option<&Listed> {
        self.entries.get(name).map(|entry| &entry.listed)
    }

    pub fn find_uploaded(&self, name: &ModuleName) -> Option<&Arc<UploadedModule>> {
        match self.find(name)? {
            Listed::Uploaded(module) => Some(module),
            Listed::Fixed(_) => None,
        }
    }

    /// By name.
    pub fn list(&self) -> impl Iterator<Item = (&ModuleName, &Listed)> {
        self.entries.iter().map(|(name, entry)| (name, &entry.listed))
    }

    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// The manifests of bundled and configured modules.
    pub(super) fn list_fixed(&self) -> impl Iterator<Item = &Arc<Manifest>> {
        self.entries.values().filter_map(|entry| match &entry.listed {
            Listed::Fixed(manifest) => Some(manifest),
            Listed::Uploaded(_) => None,
        })
    }

    /// As it is in a channel that has said nothing of it. None where there is nothing that this one could take.
    pub(super) fn find_untouched(&self, name: &ModuleName, channel: ChannelId) -> Option<&ModuleSetup> {
        self.entries.get(name).filter(|entry| entry.is_offered_in(channel)).map(|entry| &*entry.untouched)
    }

    /// What a channel that says something of it starts from.
    pub(super) fn find_blank(&self, name: &ModuleName) -> Option<&Arc<ModuleSetup>> {
        self.entries.get(name).map(|entry| &entry.untouched)
    }

    pub(super) fn list_untouched(&self, channel: ChannelId) -> impl Iterator<Item = (&ModuleName, &ModuleSetup)> {
        self.entries
            .iter()
            .filter(move |(_, entry)| entry.is_offered_in(channel))
            .map(|(name, entry)| (name, &*entry.untouched))
    }

    pub(super) fn list_running(&self) -> &[Arc<ModuleSetup>] {
        &self.running
    }

    pub(super) fn words(&self) -> &Arc<Words> {
        &self.words
    }
}
