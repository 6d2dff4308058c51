//! Each module's set-up in channels that have not touched it: derived from the catalogue, and shared by all channels.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::module::ModuleSetup;
use super::words::Words;
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::{Grants, Manifest, ModuleSource};
use crate::domain::version::UploadedModule;
use crate::modules::catalogue::{Catalogue, CatalogueEntry};
use crate::modules::is_always_on;

/// Which modules are on in a channel that has not switched them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewChannelRules {
    /// Those of [`crate::modules::ALWAYS_ON`], and those that the operator's configuration names.
    Essentials,
    /// All modules of the host: for the demo.
    Everything,
}

impl NewChannelRules {
    fn is_on(self, module: &Manifest) -> bool {
        let is_essential = is_always_on(&module.name) || module.source == ModuleSource::Configured;
        is_essential || self == NewChannelRules::Everything
    }
}

#[derive(Clone, Debug)]
struct Entry {
    /// For all channels except those of a canary.
    untouched: Arc<ModuleSetup>,
    /// For the channels of this module's canary.
    canary: Option<(Arc<UploadedModule>, Arc<ModuleSetup>)>,
    /// Whether a channel outside the canary could enable the module.
    is_offered: bool,
}

/// An immutable snapshot.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    catalogue: Arc<Catalogue>,
    entries: BTreeMap<ModuleName, Entry>,
    /// Modules that run in channels that have not touched them: never an upload.
    running: Vec<Arc<ModuleSetup>>,
    /// The words of `running`.
    words: Arc<Words>,
}

impl Defaults {
    pub fn new(catalogue: Arc<Catalogue>, rules: NewChannelRules) -> Defaults {
        let entries = catalogue.list().filter_map(|(name, listed)| Some((name.clone(), Entry::new(listed, rules)?)));
        let entries: BTreeMap<ModuleName, Entry> = entries.collect();
        let running = entries.values().map(|entry| &entry.untouched).filter(|module| module.is_running());
        let running: Vec<_> = running.cloned().collect();
        Defaults { words: Arc::new(Words::of(running.clone())), running, entries, catalogue }
    }

    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The module's set-up in this channel, in the version that the channel would get. `None` if there is no version
    /// that the channel could have.
    pub(super) fn find_untouched(&self, name: &ModuleName, channel: ChannelId) -> Option<&ModuleSetup> {
        self.entries.get(name)?.find_in(channel)
    }

    pub(super) fn list_untouched(&self, channel: ChannelId) -> impl Iterator<Item = (&ModuleName, &ModuleSetup)> {
        self.entries.iter().filter_map(move |(name, entry)| Some((name, entry.find_in(channel)?)))
    }

    /// The set-up from which a channel starts when it touches the module.
    pub(super) fn find_initial(&self, name: &ModuleName) -> Option<&Arc<ModuleSetup>> {
        self.entries.get(name).map(|entry| &entry.untouched)
    }

    pub(super) fn list_running(&self) -> &[Arc<ModuleSetup>] {
        &self.running
    }

    pub(super) fn words(&self) -> &Arc<Words> {
        &self.words
    }
}

impl Entry {
    fn new(listed: &CatalogueEntry, rules: NewChannelRules) -> Option<Entry> {
        let untouched = Arc::new(match listed {
            CatalogueEntry::Fixed(manifest) => {
                let (is_enabled, grants) = (rules.is_on(manifest), Grants::all(manifest));
                ModuleSetup { is_enabled, grants, ..ModuleSetup::new(manifest.clone()) }
            }
            CatalogueEntry::Uploaded(_) => blank(listed.shown()?),
        });
        let canary = listed.find_uploaded().and_then(|module| {
            let version = module.find_version(&module.canary.as_ref()?.version)?;
            Some((module.clone(), Arc::new(blank(&version.manifest))))
        });
        Some(Entry { untouched, canary, is_offered: listed.latest().is_some() })
    }

    fn find_in(&self, channel: ChannelId) -> Option<&ModuleSetup> {
        let canary = self.canary.as_ref().filter(|(module, _)| module.find_canary(channel).is_some());
        canary.map(|(_, setup)| setup).or(self.is_offered.then_some(&self.untouched)).map(|module| &**module)
    }
}

fn blank(manifest: &Arc<Manifest>) -> ModuleSetup {
    ModuleSetup { may_run: false, ..ModuleSetup::new(manifest.clone()) }
}
