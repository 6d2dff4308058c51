//! What could not be loaded or kept, for whoever watches.

use std::sync::{Arc, PoisonError};

use super::Registry;
use crate::domain::manifest::Manifest;

/// A module that is offered and cannot be called.
#[derive(Clone, Debug)]
pub struct UnloadableModule {
    pub manifest: Arc<Manifest>,
    pub reason: Arc<str>,
}

impl Registry {
    /// Modules that could not be loaded when that was tried last, in the order of their names.
    pub(in crate::sandbox) fn list_unloadable(&self) -> Vec<UnloadableModule> {
        let offered = self.offered.read().unwrap_or_else(PoisonError::into_inner);
        let unloadable = offered.values().filter_map(|offered| {
            let manifest = Arc::clone(&offered.manifest);
            offered.trouble.reason().map(|reason| UnloadableModule { manifest, reason })
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
