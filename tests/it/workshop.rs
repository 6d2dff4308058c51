//! The folders and the compiler of the tests' modules.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use twitchy::bench::BenchHost;
use twitchy::domain::manifest::{Manifest, SizeClass};
use twitchy::modules::publish::Runtime;
use twitchy::sandbox::Sandbox;
use twitchy::sandbox::compile::compiler::{CompilerProgram, Uploader};
use twitchy::sandbox::compile::error::CompileError;
use twitchy::sandbox::compile::parts::{CompileParts, Upload};

use crate::limits::NEVER;

/// The folder of compiled modules. It is kept between runs, so that each guest is compiled only once.
pub(crate) fn shared_artefacts() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("artefacts")
}

/// Uploads are compiled by the program under test: this process is the test binary and cannot be started as a compiler.
pub(crate) fn compile_parts(ground: &BenchHost, artefacts: &Path) -> CompileParts {
    let compiler = compiler(Path::new(env!("CARGO_BIN_EXE_twitchy_under_test")), NEVER);
    ground.compile_parts(artefacts, compiler).expect("there is room for a folder")
}

/// A compiler program, and how long the sandbox waits for it.
pub(crate) fn compiler(program: &Path, wall: Duration) -> CompilerProgram {
    CompilerProgram::Program { path: program.to_owned(), wall }
}

/// Uploads a component as the operator: admitted, saved and callable, but not published as a version.
pub(crate) async fn upload(sandbox: &Sandbox, bytes: &[u8], size: SizeClass) -> Result<Arc<Manifest>, CompileError> {
    let admitted = sandbox.admit(Upload { bytes: bytes.to_vec(), size, by: Uploader::Operator }).await?;
    sandbox.components().save(admitted.manifest.digest, &admitted.bytes).expect("there is room for a component");
    Ok(sandbox.offer(admitted.manifest))
}
