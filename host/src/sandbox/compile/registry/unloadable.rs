//! What could not be loaded or kept, for whoever watches.

use std::sync::{Arc, PoisonError};

use super::{CompileError, Registry};
use crate::domain::manifest::Manifest;

/// A module that is offered and cannot be called.
#[derive(Clone, Debug)]
pub struct UnloadableModule {
    pub manifest: Arc<Manifest>,
    pub reason: String,
    /// Such as a component that is no longer on the disk. Otherwise the module itself is to blame.
    pub is_hosts_fault: bool,
}

impl Registry {
    /// Modules whose last attempt to be loaded failed, in the order of their names.
    pub(in crate::sandbox) fn list_unloadable(&self) -> Vec<UnloadableModule> {
        let offered = self.offered.read().unwrap_or_else(PoisonError::into_inner);
        let unloadable = offered.values().filter_map(|offered| {
            let failure = offered.failure.lock().unwrap_or_else(PoisonError::into_inner);
            let (reason, is_hosts_fault) = match failure.as_ref()? {
                // The error's own text begins with whose fault it is.
                CompileError::Host(why) => (why.clone(), true),
                error => (error.to_string(), false),
            };
            Some(UnloadableModule { manifest: Arc::clone(&offered.manifest), reason, is_hosts_fault })
        });
        let mut unloadable: Vec<_> = unloadable.collect();
        unloadable.sort_by(|one, other| {
            let key = |module: &UnloadableModule| (module.manifest.name.clone(), module.manifest.version.clone());
            key(one).cmp(&key(other))
        });
        unloadable
    }

    pub(in crate::sandbox) fn artefact_trouble(&self) -> Option<Arc<str>> {
        self.cache.save_trouble()
    }
}
