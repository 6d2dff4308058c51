//! Checks whether an admitted component may become a version of a module: its name, version, words and canary, and
//! whether there is room. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalogue::{Catalogue, CatalogueEntry};
use super::channels::Channels;
use super::is_always_on;
use super::plan::{Plan, Planned, check_canary};
use super::powers::Powers;
use super::refusal::ChangeVersionsError;
use crate::domain::id::ChannelId;
use crate::domain::manifest::{Manifest, ModuleSource};
use crate::domain::principal::CallerId;
use crate::domain::report::Transition;
use crate::domain::version::{Canary, UploadedModule};
use crate::store::host::modules::VersionChange;

/// Most uploaded modules of a host.
const MOST_MODULES: usize = 4096;
/// Most versions of a module, with withdrawn ones, which are kept lest other bytes reuse their numbers.
const MOST_VERSIONS: usize = 256;
/// Most modules that one caller may upload, unless it is the operator, so that no creator can take all names.
const MOST_MODULES_OF_A_CALLER: usize = 64;
/// Most bytes of all versions that one caller uploaded, unless it is the operator. They stay on disk for ever.
const MOST_BYTES_OF_A_CALLER: u64 = 512 << 20;

/// A component that is to become a version.
#[derive(Clone, Debug)]
pub(super) struct NewVersion {
    pub(super) manifest: Arc<Manifest>,
    /// If set, only these channels have the version until it is promoted.
    pub(super) canary: Option<BTreeSet<ChannelId>>,
    pub(super) by: Powers,
    pub(super) caller: Option<CallerId>,
}

impl NewVersion {
    /// Plans nothing if these bytes are already a version.
    pub(super) fn plan(self, catalogue: &Catalogue, channels: &dyn Channels) -> Planned {
        let Manifest { name, version, digest, .. } = &*self.manifest;
        if is_always_on(name) || matches!(catalogue.find(name), Some(CatalogueEntry::Fixed(_))) {
            return Err(ChangeVersionsError::NameReserved(name.clone()));
        }
        let module = catalogue.find_uploaded(name);
        if let Some(module) = module {
            if !self.by.may_change_versions(module, self.caller.as_ref()) {
                return Err(ChangeVersionsError::NameTaken(name.clone()));
            }
            if module.find_digest(*digest).is_some() {
                return Ok(Plan::default());
            }
            if let Some(there) = module.find_version(version) {
                let there = there.manifest.digest;
                return Err(ChangeVersionsError::VersionTaken { version: version.clone(), there, new: *digest });
            }
            if module.versions.len() >= MOST_VERSIONS {
                return Err(ChangeVersionsError::Full("256 versions of a module"));
            }
        }
        self.check_room(catalogue, module.is_none())?;
        // A bundled module keeps its words even where it is off: chatters know them.
        let is_bundled = |there: &Manifest| there.source == ModuleSource::Bundled;
        if let Some((word, module)) = catalogue.find_reserved_word(&self.manifest, is_bundled) {
            return Err(ChangeVersionsError::WordReserved { word, module });
        }
        let canary = self.canary.map(|channels| Canary { version: version.clone(), channels });
        if let Some(canary) = &canary {
            check_canary(module.map(|module| &**module), canary, channels)?;
        }
        let mut changes = vec![VersionChange::Publish { manifest: self.manifest.clone(), by: self.caller }];
        let mut transitions = vec![(version.clone(), Transition::Uploaded)];
        transitions.extend(canary.as_ref().map(|canary| (canary.version.clone(), Transition::Canary)));
        changes.extend(canary.map(|canary| VersionChange::SetCanary(Some(canary))));
        Ok(Plan { changes, transitions })
    }

    fn check_room(&self, catalogue: &Catalogue, is_new: bool) -> Result<(), ChangeVersionsError> {
        if is_new && catalogue.list_uploaded().count() >= MOST_MODULES {
            return Err(ChangeVersionsError::Full("4096 modules"));
        }
        if self.by == Powers::Operator {
            return Ok(());
        }
        let caller = self.caller.as_ref();
        let is_own = |module: &&Arc<UploadedModule>| module.publisher.as_ref() == caller;
        if is_new && catalogue.list_uploaded().filter(is_own).count() >= MOST_MODULES_OF_A_CALLER {
            return Err(ChangeVersionsError::Full("64 modules of one API key"));
        }
        let versions = catalogue.list_uploaded().flat_map(|module| &module.versions);
        let uploaded = versions.filter(|version| version.uploaded_by.as_ref() == caller);
        let bytes: u64 = uploaded.map(|version| version.manifest.component_bytes).sum();
        let is_full = bytes.saturating_add(self.manifest.component_bytes) > MOST_BYTES_OF_A_CALLER;
        if is_full { Err(ChangeVersionsError::Full("512 MiB of one API key")) } else { Ok(()) }
    }
}
