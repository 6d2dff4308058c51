//! Where the tests' modules are kept and compiled.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use twitchy::bench::Ground;
use twitchy::domain::manifest::{Manifest, SizeClass};
use twitchy::modules::publish::Runtime;
use twitchy::sandbox::Sandbox;
use twitchy::sandbox::compile::compiler::{CompilerProgram, Uploader};
use twitchy::sandbox::compile::error::CompileError;
use twitchy::sandbox::compile::workshop::{Upload, Workshop};

use crate::limits::NEVER;

/// Kept from run to run, so that a guest is compiled once.
pub(crate) fn shared_artefacts() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("artefacts")
}

/// Strangers' components are compiled by the program under test, since what runs here is the tests.
pub(crate) fn workshop(ground: &Ground, artefacts: &Path) -> Workshop {
    let compiler = compiler(Path::new(env!("CARGO_BIN_EXE_twitchy_under_test")), NEVER);
    ground.workshop(artefacts, compiler).expect("there is room for a folder")
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
