//! Modules: which modules and versions the host has, and what channels consent to.
//!
//! Guarantees: after a crash at any moment, the host starts with a change of versions or without it, never with half of
//! one; the bytes of a version are on disk before the row that names it; no channel runs a version that asks for more
//! than the channel has consented to. Not here: compiling and calling modules (`sandbox`), and a channel's other
//! settings of a module (`setup`).
//!
//! # Versions
//!
//! [`versions`] publishes, withdraws, restores and rolls back versions, and makes canaries, in four steps:
//!
//! 1. `new_version` or `plan` (pure) checks the change against the catalogue of modules.
//! 2. The store makes the change in one transaction.
//! 3. `setup` replaces the catalogue in memory, which each look-up joins with the channel's *own part* (`setup/own`): all that was set
//!    in that channel.
//! 4. Only the channels whose own part names the module settle on their version anew.
//!
//! A look-up reads the own part first, so its catalogue knows every version named there. A plan made between steps 3 and 4 is safe: no
//! commit says which version runs, because the reload decides. Calls in flight keep their manifest.
//!
//! # Consent
//!
//! `consent` (pure) knows what a channel has accepted, granted and pinned of a module, and decides:
//!
//! 1. Which version runs: the pinned one, or the nearest to it while it is withdrawn; else the canary; else the highest. A version that
//!    asks for more than the accepted one never runs unasked.
//! 2. Which version waits, and what it asks for (`setup/upgrade`). A version that waits is accepted only by its name.
//! 3. Which effects lead to another consent (`consent/agree`) or back (`consent/roll_back`), or why none do.
//!
//! # Roll-backs
//!
//! A commit that moves a channel to another version notes the one that it leaves (`setup/previous_versions`), two at most; a roll-back in
//! the channel pins it. A roll-back everywhere withdraws the versions above the one that was the latest before, or, where that one may
//! not run, above the highest below it. A second roll-back goes one version further down; it never flips between two.
//!
//! # Bytes
//!
//! A refused upload deletes its bytes again. The store notes the digest before the bytes are saved: after a crash the next start
//! deletes the bytes of a noted digest that is no version, and no other file.

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
