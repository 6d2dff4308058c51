//! Where the tests' modules are kept and compiled.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use twitchy::domain::manifest::{Manifest, SizeClass};
use twitchy::modules::publish::Runtime;
use twitchy::sandbox::Sandbox;
use twitchy::sandbox::compile::compiler::{CompilerProgram, Uploader};
use twitchy::sandbox::compile::error::CompileError;
use twitchy::sandbox::compile::workshop::{Upload, Workshop};
use twitchy::store::host::components::Components;

use crate::limits::NEVER;

/// Strangers' components are compiled by the program under test, since what runs here is the tests.
pub(crate) fn workshop(artefacts: &Path, components: &Path) -> Workshop {
    Workshop {
        cache_dir: artefacts.to_owned(),
        components: Arc::new(Components::open(components).expect("there is room for a folder")),
        compiler: compiler(Path::new(env!("CARGO_BIN_EXE_twitchy_under_test")), NEVER),
    }
}

/// A program that compiles, or does not, and how long it is waited for.
pub(crate) fn compiler(program: &Path, wall: Duration) -> CompilerProgram {
    CompilerProgram::Program { path: program.to_owned(), wall }
}

/// An upload of the operator's, as far as it can be called: it is admitted and saved, and no version of a module.
pub(crate) async fn upload(sandbox: &Sandbox, bytes: &[u8], size: SizeClass) -> Result<Arc<Manifest>, CompileError> {
    let admitted = sandbox.admit(Upload { bytes: bytes.to_vec(), size, by: Uploader::Operator }).await?;
    sandbox.components().save(admitted.manifest.digest, &admitted.bytes).expect("there is room for a component");
    Ok(sandbox.offer(admitted.manifest))
}
