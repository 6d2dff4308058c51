//! Where the tests' modules are kept and compiled.

use std::path::Path;
use std::sync::Arc;

use twitchy::sandbox::Workshop;
use twitchy::sandbox::compiler::CompilerProgram;
use twitchy::store::components::Components;

/// Strangers' components are compiled by the program under test, since what runs here is the tests.
pub(crate) fn workshop(artefacts: &Path, components: &Path) -> Workshop {
    Workshop {
        cache_dir: artefacts.to_owned(),
        components: Arc::new(Components::open(components).expect("there is room for a folder")),
        compiler: CompilerProgram::Program(env!("CARGO_BIN_EXE_twitchy_under_test").into()),
    }
}
