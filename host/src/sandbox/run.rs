//! One run of a guest: a fresh instance with all its limits, and what ended it.
//!
//! Promised: no store without limits of memory, processor time and wall time. Absent: when a call may run, and the commit of
//! what it changed.

pub(super) mod engine;
pub mod error;
pub(super) mod failure;
pub(super) mod guest_log;
pub(super) mod instance;
pub(super) mod limits;
pub mod measure;
pub(super) mod meter;
pub(super) mod ticker;
