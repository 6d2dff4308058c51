//! Requests with an Idempotency-Key in flight, so that a concurrent repetition is refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::principal::CallerId;
use crate::http::error::ApiError;
use crate::http::error::refusals::{IDEMPOTENCY_KEY_REUSED, IN_PROGRESS};

/// A request's name: its caller, and the caller's Idempotency-Key.
pub(super) type Name = (CallerId, Box<str>);

/// Requests in flight, with their fingerprints. Bounded by the callers' limits on requests in flight.
#[derive(Default)]
pub(in crate::http) struct Running(Arc<Mutex<HashMap<Name, [u8; 32]>>>);

/// The entry of a request in flight, removed on drop.
pub(super) struct Run {
    all: Arc<Mutex<HashMap<Name, [u8; 32]>>>,
    pub(super) name: Name,
}

impl Running {
    pub(super) fn begin(&self, name: &Name, fingerprint: [u8; 32]) -> Result<Run, ApiError> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(name) {
            Some(before) if *before == fingerprint => Err(IN_PROGRESS.into()),
            Some(_) => Err(IDEMPOTENCY_KEY_REUSED.into()),
            None => {
                all.insert(name.clone(), fingerprint);
                Ok(Run { all: self.0.clone(), name: name.clone() })
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}
