//! The catalogue: all modules of the host, as an immutable snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::is_always_on;
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::domain::manifest::{Manifest, ModuleSource, SizeClass};
use crate::domain::version::{UploadedModule, UploadedVersion};

/// A module of the host.
#[derive(Clone, Debug)]
pub enum CatalogueEntry {
    /// Bundled or configured: one version, granted all that it asks for.
    Fixed(Arc<Manifest>),
    Uploaded(Arc<UploadedModule>),
}

impl CatalogueEntry {
    /// The version for a channel that enables the module now; `None` if every version is withdrawn.
    pub fn latest(&self) -> Option<&Arc<Manifest>> {
        match self {
            CatalogueEntry::Fixed(manifest) => Some(manifest),
            CatalogueEntry::Uploaded(module) => module.latest().map(|version| &version.manifest),
        }
    }

    /// The version for this channel, if it enables the module now without a pin.
    pub fn latest_in(&self, channel: ChannelId) -> Option<&Arc<Manifest>> {
        match self {
            CatalogueEntry::Fixed(manifest) => Some(manifest),
            CatalogueEntry::Uploaded(module) => module.latest_in(channel).map(|version| &version.manifest),
        }
    }

    /// The version for every channel; if every version is withdrawn, the highest one.
    pub fn shown(&self) -> Option<&Arc<Manifest>> {
        let highest = || self.find_uploaded()?.versions.last().map(|version| &version.manifest);
        self.latest().or_else(highest)
    }

    pub fn find_uploaded(&self) -> Option<&Arc<UploadedModule>> {
        match self {
            CatalogueEntry::Fixed(_) => None,
            CatalogueEntry::Uploaded(module) => Some(module),
        }
    }
}

/// All modules, by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    modules: BTreeMap<ModuleName, CatalogueEntry>,
    /// Uploads of the size class `large` are kept, but do not run.
    bars_large: bool,
}

impl Catalogue {
    /// Adds a bundled or configured module, replacing an earlier version of the same name. Returns `None` if the name
    /// belongs to a module from a more trusted source: the new one would inherit that module's trust.
    pub fn with_fixed(&self, manifest: Arc<Manifest>) -> Option<Catalogue> {
        let is_reserved = is_always_on(&manifest.name) && manifest.source != ModuleSource::Bundled;
        let source = self.find(&manifest.name).and_then(CatalogueEntry::latest).map(|there| there.source);
        let is_trusted = source.is_none_or(|source| source <= manifest.source);
        if is_reserved || !is_trusted || manifest.source == ModuleSource::Uploaded {
            return None;
        }
        let mut next = self.clone();
        next.modules.insert(manifest.name.clone(), CatalogueEntry::Fixed(manifest));
        Some(next)
    }

    /// Adds or replaces uploaded modules. Bundled and configured modules keep their names.
    pub fn with_uploaded(&self, modules: impl IntoIterator<Item = UploadedModule>) -> Catalogue {
        let mut next = self.clone();
        for module in modules {
            let is_fixed = matches!(next.find(&module.name), Some(CatalogueEntry::Fixed(_)));
            if !is_fixed && !module.versions.is_empty() {
                next.modules.insert(module.name.clone(), CatalogueEntry::Uploaded(Arc::new(module)));
            }
        }
        next
    }

    /// The catalogue of a host that does not allow the size class `large` (any more).
    #[must_use]
    pub fn without_large(&self) -> Catalogue {
        Catalogue { bars_large: true, ..self.clone() }
    }

    /// Whether an upload is of a size class that this host does not allow.
    pub fn bars(&self, manifest: &Manifest) -> bool {
        self.bars_large && manifest.size == SizeClass::Large
    }

    pub fn find(&self, name: &ModuleName) -> Option<&CatalogueEntry> {
        self.modules.get(name)
    }

    pub fn find_uploaded(&self, name: &ModuleName) -> Option<&Arc<UploadedModule>> {
        self.find(name)?.find_uploaded()
    }

    /// The uploaded version with this digest.
    pub fn find_digest(&self, digest: ModuleDigest) -> Option<&UploadedVersion> {
        self.list_uploaded().find_map(|module| module.find_digest(digest))
    }

    /// Whether the name is a module's, or reserved for one that is always on.
    pub fn has(&self, name: &ModuleName) -> bool {
        is_always_on(name) || self.find(name).is_some()
    }

    /// A word of `module` that belongs to a fixed module for which `is_reserving` holds, and the latter's name.
    pub fn find_reserved_word(
        &self,
        module: &Manifest,
        is_reserving: impl Fn(&Manifest) -> bool,
    ) -> Option<(Box<str>, ModuleName)> {
        self.list_fixed().filter(|there| is_reserving(there)).find_map(|there| {
            let word = module.words().find(|word| there.words().any(|reserved| reserved == *word))?;
            Some((word.clone(), there.name.clone()))
        })
    }

    /// All modules, ordered by name.
    pub fn list(&self) -> impl Iterator<Item = (&ModuleName, &CatalogueEntry)> {
        self.modules.iter()
    }

    /// The manifests of bundled and configured modules.
    pub fn list_fixed(&self) -> impl Iterator<Item = &Arc<Manifest>> {
        self.modules.values().filter_map(|listed| match listed {
            CatalogueEntry::Fixed(manifest) => Some(manifest),
            CatalogueEntry::Uploaded(_) => None,
        })
    }

    pub fn list_uploaded(&self) -> impl Iterator<Item = &Arc<UploadedModule>> {
        self.modules.values().filter_map(CatalogueEntry::find_uploaded)
    }

    /// The modules that a channel could enable, each in the version for every channel, ordered by name.
    pub fn list_latest(&self) -> impl Iterator<Item = &Arc<Manifest>> {
        self.modules.values().filter_map(CatalogueEntry::latest)
    }

    pub fn count(&self) -> usize {
        self.modules.len()
    }
}
