//! Which of the host's modules the tests use: by name, so that another folder in `commands/` turns red only the demo's script,
//! where a chatter asks which commands there are.

use twitchy_commands::BUNDLED;

/// The bundled modules that the tests need. That there are others changes nothing of what the tests see.
pub(crate) const MODULES: [&str; 4] = ["balance", "help", "join", "settings"];

/// The component of a bundled module.
pub(crate) fn find_bundled(name: &str) -> &'static [u8] {
    BUNDLED.iter().find(|bundled| bundled.name == name).expect("it is a module of the host").component
}
