//! Capability `log`: lines for the module's author and the operator, never for chat. Needs no grant.
//!
//! Read them with `GET /api/v1/modules/{name}/logs` on the host's HTTP API. A call keeps its first lines, 32 unless the
//! operator changes that. The SDK logs a panic by itself, with its message and the line.
//!
//! ```no_run
//! use twitchy_sdk::log::{self, Level};
//!
//! log::debug("about to roll");
//! log::info("the dice were empty");
//! log::warn("no answer, the old number is used");
//! log::error("the number is not on the die");
//! log::write(Level::Info, "any level");
//! ```

pub use crate::bindings::twitchy::command::log::Level;
pub use crate::host::log::write;

/// For finding a mistake.
pub fn debug(line: &str) {
    write(Level::Debug, line);
}

/// For an event that was expected.
pub fn info(line: &str) {
    write(Level::Info, line);
}

/// For an oddity that the call could cope with.
pub fn warn(line: &str) {
    write(Level::Warn, line);
}

/// For a failure.
pub fn error(line: &str) {
    write(Level::Error, line);
}
