//! A module that can be called, and the error of its last load.

use std::sync::{Arc, Mutex, PoisonError};

use super::super::error::CompileError;
use super::last_failure::LastFailure;
use super::make::Module;
use crate::domain::manifest::Manifest;

/// An offered module whose last load failed, so that it cannot be called.
#[derive(Clone, Debug)]
pub struct UnloadableModule {
    pub manifest: Arc<Manifest>,
    pub reason: String,
    /// For example if the component is missing on the disk. Otherwise the module itself is to blame.
    pub is_hosts_fault: bool,
}

/// A module that can be called.
pub(super) struct Offered {
    pub(super) manifest: Arc<Manifest>,
    /// The code of a bundled or configured module, which always stays in memory.
    pub(super) resident: Option<Arc<Module>>,
    /// Held while the module is being loaded; waiters then read the result.
    pub(super) load_lock: Arc<tokio::sync::Mutex<LastFailure>>,
    /// Why the last attempt to load the module failed; `None` once one has succeeded.
    failure: Mutex<Option<CompileError>>,
}

impl Offered {
    pub(super) fn new(manifest: Arc<Manifest>, resident: Option<Arc<Module>>) -> Offered {
        Offered { manifest, resident, load_lock: Arc::default(), failure: Mutex::default() }
    }

    /// Records the result of a load. A busy or killed compiler is no failure of this module.
    pub(super) fn note_loaded(&self, error: Option<&CompileError>) {
        if !matches!(error, Some(CompileError::Busy | CompileError::Killed)) {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = error.cloned();
        }
    }

    /// The failure of the last load, if it failed.
    pub(super) fn find_failure(&self) -> Option<UnloadableModule> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let (reason, is_hosts_fault) = match failure.as_ref()? {
            // The text of the whole error would begin with whose fault it is, which `is_hosts_fault` says.
            CompileError::Host(why) => (why.clone(), true),
            error => (error.to_string(), false),
        };
        Some(UnloadableModule { manifest: Arc::clone(&self.manifest), reason, is_hosts_fault })
    }
}
