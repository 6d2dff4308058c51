//! Every module that the host has: an immutable snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::channel::ModuleSetup;
use super::words::Words;
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::{Grants, Manifest, SizeClass};
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

    /// What this one gets that takes it now, and stays on no version.
    pub fn latest_in(&self, channel: ChannelId) -> Option<&Arc<Manifest>> {
        match self {
            Listed::Fixed(manifest) => Some(manifest),
            Listed::Uploaded(module) => module.latest_in(channel).map(|version| &version.manifest),
        }
    }

    /// What everybody gets; or, where every version is withdrawn, the highest of them.
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
    /// As it is in a channel that has said nothing of it; shared by all of them but those that try out another version.
    untouched: Arc<ModuleSetup>,
    /// As it is in these.
    tried_out: Option<Arc<ModuleSetup>>,
    /// To every channel.
    is_offered: bool,
}

impl Entry {
    /// As it is in this channel, which has said nothing of it: with the version that it would get.
    fn find_untouched(&self, channel: ChannelId) -> Option<&ModuleSetup> {
        let is_tried_out = || match &self.listed {
            Listed::Fixed(_) => false,
            Listed::Uploaded(module) => module.find_canary(channel).is_some(),
        };
        let tried_out = self.tried_out.as_ref().filter(|_| is_tried_out());
        tried_out.or(self.is_offered.then_some(&self.untouched)).map(|module| &**module)
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
    /// Uploads of the size class `large` stay, and do not run.
    bars_large: bool,
}

impl Catalogue {
    /// With a bundled or configured module, `is_enabled` where a channel has not said otherwise.
    pub(super) fn with_fixed(&self, manifest: Arc<Manifest>, is_enabled: bool) -> Catalogue {
        let grants = Grants::all(&manifest);
        let untouched = ModuleSetup { is_enabled, grants, ..ModuleSetup::new(manifest.clone()) };
        let (listed, untouched) = (Listed::Fixed(manifest), Arc::new(untouched));
        self.with(Entry { listed, untouched, tried_out: None, is_offered: true })
    }

    /// Whether an upload is of a size class that this host does not allow.
    pub fn bars(&self, manifest: &Manifest) -> bool {
        self.bars_large && manifest.size == SizeClass::Large
    }

    /// Before any upload is added.
    pub(super) fn without_large(&self) -> Catalogue {
        Catalogue { bars_large: true, ..self.clone() }
    }

    fn with(&self, entry: Entry) -> Catalogue {
        let mut entries = self.entries.clone();
        entries.insert(entry.untouched.manifest.name.clone(), entry);
        let running = entries.values().map(|entry| &entry.untouched).filter(|module| module.is_running());
        let running: Vec<_> = running.cloned().collect();
        Catalogue { words: Arc::new(Words::of(running.clone())), running, entries, ..*self }
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
            let blank = |manifest: &Arc<Manifest>| {
                Arc::new(ModuleSetup { may_run: false, ..ModuleSetup::new(manifest.clone()) })
            };
            let canary = module.canary.as_ref().and_then(|canary| module.find_version(&canary.version));
            let tried_out = canary.map(|canary| blank(&canary.manifest));
            let listed = Listed::Uploaded(Arc::new(module));
            let Some(shown) = listed.shown() else { continue };
            let (name, untouched) = (shown.name.clone(), blank(shown));
            next.entries.insert(name, Entry { is_offered: listed.latest().is_some(), untouched, tried_out, listed });
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
        self.entries.get(name)?.find_untouched(channel)
    }

    /// What a channel that says something of it starts from.
    pub(super) fn find_blank(&self, name: &ModuleName) -> Option<&Arc<ModuleSetup>> {
        self.entries.get(name).map(|entry| &entry.untouched)
    }

    pub(super) fn list_untouched(&self, channel: ChannelId) -> impl Iterator<Item = (&ModuleName, &ModuleSetup)> {
        self.entries.iter().filter_map(move |(name, entry)| Some((name, entry.find_untouched(channel)?)))
    }

    pub(super) fn list_running(&self) -> &[Arc<ModuleSetup>] {
        &self.running
    }

    pub(super) fn words(&self) -> &Arc<Words> {
        &self.words
    }
}
