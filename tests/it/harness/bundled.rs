//! The bundled modules that the tests use, by name. A new module in `commands/` then breaks only the demo's script,
//! where a chatter lists all commands.

use twitchy_commands::BUNDLED;

/// The bundled modules that the tests need. Other bundled modules do not change the tests' results.
pub(crate) const MODULES: [&str; 4] = ["balance", "help", "join", "settings"];

/// The component of a bundled module.
pub(crate) fn find_bundled(name: &str) -> &'static [u8] {
    BUNDLED.iter().find(|bundled| bundled.name == name).expect("it is a module of the host").component
}
