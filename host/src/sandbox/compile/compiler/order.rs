//! The order to a child: what to compile, within which limits.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::manifest::SizeClass;
use crate::sandbox::run::engine::MemoryPlan;

/// The exit code of a child that compiled nothing because it could not confine itself or read its input.
pub(super) const FAILED: i32 = 1;

/// The limits of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes of address space besides what the program itself uses.
    pub(super) memory: u64,
    pub(super) processor: Duration,
    pub(super) wall: Duration,
    pub(super) code_bytes: usize,
}

/// What to compile, and for which engine.
pub(crate) struct Order {
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) size: SizeClass,
    pub(crate) plan: MemoryPlan,
}
