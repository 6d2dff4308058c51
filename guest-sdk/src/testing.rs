//! A host in memory, for the tests of a module: `cargo test` runs `respond` itself.
//!
//! [`Host`] knows the module's commands and settings from its `info`. A test names the chatter and types a message; the
//! host finds the command, calls `respond`, and keeps what it changed if it returned `Ok`. Limits and errors are those
//! of a real host with its standard configuration. Every capability is granted.
//!
//! ```
//! use twitchy_sdk::testing::Host;
//! use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, storage};
//!
//! struct Hug;
//!
//! impl Module for Hug {
//!     fn info() -> ModuleInfo {
//!         ModuleInfo::new("hug", "0.1.0", "hugs, counted").command(CommandInfo::new("hug", "hugs").usage("name"))
//!     }
//!
//!     fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
//!         let whom: String = invocation.arguments().required("name")?;
//!         let count = storage::add("hugs", 1)?;
//!         Ok(answer(format!("hugs {whom}, hug number {count}")))
//!     }
//! }
//!
//! let host = Host::<Hug>::new();
//! assert_eq!(host.call("alice", "!hug bob"), Ok(answer("hugs bob, hug number 1")));
//! assert_eq!(host.call("carol", "!hug alice"), Ok(answer("hugs alice, hug number 2")));
//! assert_eq!(host.call("carol", "!hug"), Err(CommandError::usage("name is missing")));
//! ```
//!
//! # What it leaves out
//!
//! - Cooldowns: a test may call a command as often as it likes.
//! - Caps of payments: a module may move any amount. What a chatter does not own, nobody moves.
//! - Processor time and memory. `twitchy module run` shows both for the component itself.
//! - Conflicts between calls: each call runs once, alone.
//!
//! The module exists only outside of WebAssembly, so that a component never carries it.

mod begin;
pub(crate) mod calls;
pub(crate) mod decimal;
mod host;
pub(crate) mod message;
pub(crate) mod open;
#[cfg(test)]
mod tests;
pub(crate) mod value;
pub(crate) mod world;

pub use host::Host;

use crate::bindings::twitchy::command::http::Response;

/// A response with a body and no headers, for [`Host::web`].
///
/// ```
/// let response = twitchy_sdk::testing::response(200, "four");
/// assert!(response.is_success() && response.text() == "four");
/// ```
pub fn response(status: u16, body: impl Into<Vec<u8>>) -> Response {
    Response { status, headers: Vec::new(), body: body.into() }
}
