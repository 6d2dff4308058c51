//! A module's life: what the host has, which versions there are, and what channels agree to.
//!
//! Promised: whatever the host dies of, it starts with a change of versions or without it, never with half of one; the
//! bytes of a version are on disk before the row that names it. No channel runs a version that asks for more than the
//! channel has agreed to. Absent: how modules are compiled and called, which is `sandbox`'s, and what else a channel sets of
//! a module, which is `setup`'s.

use crate::domain::id::ModuleName;

pub mod catalogue;
pub mod channels;
pub mod consent;
mod new_version;
pub mod plan;
pub mod powers;
pub mod publish;
pub mod refusal;
pub mod versions;

/// The modules that answer in every channel and cannot be disabled: without them a creator could be locked out.
pub const ALWAYS_ON: [&str; 2] = ["settings", "help"];

pub fn is_always_on(module: &ModuleName) -> bool {
    ALWAYS_ON.contains(&module.as_str())
}
