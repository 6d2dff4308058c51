//! A module that can be called, and why it cannot be loaded.

use std::sync::{Arc, Mutex, PoisonError};

use super::super::error::CompileError;
use super::last_failure::LastFailure;
use super::make::Module;
use crate::domain::manifest::Manifest;

/// A module that is offered and cannot be called.
#[derive(Clone, Debug)]
pub struct UnloadableModule {
    pub manifest: Arc<Manifest>,
    pub reason: String,
    /// Such as a component that is no longer on the disk. Otherwise the module itself is to blame.
    pub is_hosts_fault: bool,
}

/// A module that can be called.
pub(super) struct Offered {
    pub(super) manifest: Arc<Manifest>,
    /// Of those that always stay.
    pub(super) resident: Option<Arc<Module>>,
    /// Who has it loads; whoever waits finds what came of it.
    pub(super) turn: Arc<tokio::sync::Mutex<LastFailure>>,
    /// Why the last attempt to load the module failed; `None` once one succeeded.
    failure: Mutex<Option<CompileError>>,
}

impl Offered {
    pub(super) fn new(manifest: Arc<Manifest>, resident: Option<Arc<Module>>) -> Offered {
        Offered { manifest, resident, turn: Arc::default(), failure: Mutex::default() }
    }

    /// A busy compiler, or one that was ended from outside, is not reported as a failure of this module.
    pub(super) fn note_loaded(&self, error: Option<&CompileError>) {
        if !matches!(error, Some(CompileError::Busy | CompileError::Killed)) {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = error.cloned();
        }
    }

    /// Why it cannot be called, if its last attempt to be loaded failed.
    pub(super) fn find_failure(&self) -> Option<UnloadableModule> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let (reason, is_hosts_fault) = match failure.as_ref()? {
            // The error's own text begins with whose fault it is.
            CompileError::Host(why) => (why.clone(), true),
            error => (error.to_string(), false),
        };
        Some(UnloadableModule { manifest: Arc::clone(&self.manifest), reason, is_hosts_fault })
    }
}
