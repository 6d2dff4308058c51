//! Capability `log`: lines for the module's author and the operator, never for chat. Needs no grant.
//!
//! Read them with `GET /api/v1/modules/{name}/logs` on the host's HTTP API. A call keeps its first lines, 32 unless the
//! operator says otherwise. A panic is logged by itself, with its message and the line.
//!
//! ```no_run
//! twitchy_sdk::log::info("the dice were empty");
//! ```

pub use crate::bindings::twitchy::command::log::Level;
pub use crate::host::log::write;

/// What helps to find a mistake.
pub fn debug(line: &str) {
    write(Level::Debug, line);
}

/// What happened as it should.
pub fn info(line: &str) {
    write(Level::Info, line);
}

/// What went on, though something was odd.
pub fn warn(line: &str) {
    write(Level::Warn, line);
}

/// What did not go on.
pub fn error(line: &str) {
    write(Level::Error, line);
}
