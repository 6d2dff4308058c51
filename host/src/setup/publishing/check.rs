//! Whether a module may become one of the host's: its name, its version, its words, and whether there is room.

use super::super::catalogue::{Catalogue, Listed};
use super::super::powers::Powers;
use super::super::{Setup, is_always_on, list_words};
use super::PublishError;
use super::making::may_publish;
use crate::domain::manifest::{Manifest, ModuleSource};
use crate::domain::principal::CallerId;
use crate::domain::version::{UploadedModule, UploadedVersion};

/// Uploaded modules of a host.
const MOST_MODULES: usize = 4096;
/// Versions of one module, withdrawn ones included: these are kept, so that nobody brings other bytes under their number.
const MOST_VERSIONS: usize = 256;
/// Modules that one caller may upload, unless it is the operator: so that no creator takes all the names there are.
const MOST_MODULES_OF_A_CALLER: usize = 64;
/// Bytes of all versions that one caller uploaded, unless it is the operator. They stay on the disk for ever.
const MOST_BYTES_OF_A_CALLER: u64 = 512 << 20;

impl Setup {
    /// The version that is there already with these very bytes.
    pub(super) fn check_publish(
        &self,
        catalogue: &Catalogue,
        manifest: &Manifest,
        by: Powers,
        caller: Option<&CallerId>,
    ) -> Result<Option<UploadedVersion>, PublishError> {
        let Manifest { name, version, digest, .. } = manifest;
        if is_always_on(name) || matches!(catalogue.find(name), Some(Listed::Fixed(_))) {
            return Err(PublishError::NameReserved(name.clone()));
        }
        let Some(module) = catalogue.find_uploaded(name) else {
            check_room(catalogue, manifest, by, caller, true)?;
            return check_words(catalogue, manifest);
        };
        if !may_publish(module, by, caller) {
            return Err(PublishError::NotPublisher(name.clone()));
        }
        if let Some(there) = module.find_digest(*digest) {
            return Ok(Some(there.clone()));
        }
        if let Some(there) = module.find_version(version) {
            let there = there.manifest.digest;
            return Err(PublishError::VersionTaken { version: version.clone(), there, brought: *digest });
        }
        if module.versions.len() >= MOST_VERSIONS {
            return Err(PublishError::Full("256 versions of a module"));
        }
        check_room(catalogue, manifest, by, caller, false)?;
        check_words(catalogue, manifest)
    }
}

fn check_room(
    catalogue: &Catalogue,
    manifest: &Manifest,
    by: Powers,
    caller: Option<&CallerId>,
    is_new: bool,
) -> Result<(), PublishError> {
    let uploads = || {
        catalogue.list().filter_map(|(_, listed)| match listed {
            Listed::Uploaded(module) => Some(module),
            Listed::Fixed(_) => None,
        })
    };
    if is_new && uploads().count() >= MOST_MODULES {
        return Err(PublishError::Full("4096 modules"));
    }
    if by == Powers::Operator {
        return Ok(());
    }
    let is_own = |module: &UploadedModule| module.publisher.as_ref() == caller;
    if is_new && uploads().filter(|module| is_own(module)).count() >= MOST_MODULES_OF_A_CALLER {
        return Err(PublishError::Full("64 modules of one API key"));
    }
    let brought =
        uploads().flat_map(|module| &module.versions).filter(|version| version.uploaded_by.as_ref() == caller);
    let bytes: u64 = brought.map(|version| version.manifest.component_bytes).sum();
    let is_full = bytes.saturating_add(manifest.component_bytes) > MOST_BYTES_OF_A_CALLER;
    if is_full { Err(PublishError::Full("512 MiB of one API key")) } else { Ok(()) }
}

/// A bundled module's words stay its own even where it is off: a chatter knows them.
fn check_words(catalogue: &Catalogue, manifest: &Manifest) -> Result<Option<UploadedVersion>, PublishError> {
    let bundled = catalogue.list_fixed().filter(|there| there.source == ModuleSource::Bundled);
    for there in bundled {
        if let Some(word) = list_words(manifest).find(|word| list_words(there).any(|reserved| reserved == *word)) {
            return Err(PublishError::WordReserved { word: word.clone(), module: there.name.clone() });
        }
    }
    Ok(None)
}
