//! One run of a guest: a fresh instance with all its limits, and the reason why the run ended.
//!
//! Guarantees: no wasmtime store without limits of memory, processor time and wall time. Not here: admission, and the
//! commit of changes.

pub(super) mod engine;
pub mod error;
pub(super) mod failure;
pub(super) mod guest_log;
pub(super) mod instance;
pub(crate) mod limits;
#[cfg(feature = "testing")]
pub mod measure;
pub(super) mod meter;
pub(super) mod ticker;
