//! Builds guest crates into components: one cargo build for all crates, then an encoding for each.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use wit_component::ComponentEncoder;

use crate::toolchain::Toolchain;
use crate::{TARGET, toolchain};

/// The guest crates to build, all of one workspace.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The folder of the workspace's manifest, or of a crate outside a workspace.
    pub workspace: PathBuf,
    /// The crates by package name. Each must be a `cdylib`.
    pub packages: Vec<String>,
    /// The cargo profile: `guest` in this workspace.
    pub profile: String,
    /// cargo's target folder. It must not be the outer build's: cargo locks that one while a build script runs.
    pub target_folder: PathBuf,
    /// The guest's stack in bytes. A fresh instance clears it, so a small one starts faster: see [`STACK_BYTES`].
    pub stack_bytes: u32,
}

/// Enough for a command, and a fraction of the linker's default of 1 MiB.
pub const STACK_BYTES: u32 = 64 * 1024;

/// A built module.
#[derive(Debug, Clone)]
pub struct Component {
    pub package: String,
    pub bytes: Vec<u8>,
}

/// Builds the crates and encodes their components, in the order of the request.
///
/// cargo writes its messages to standard error.
///
/// # Errors
/// If no compiler has the target, or a crate does not compile or is no module.
pub fn build_components(request: &BuildRequest, say: crate::Progress) -> Result<Vec<Component>> {
    let toolchain = toolchain::find_toolchain(say)?;
    compile(request, &toolchain)?;
    request.packages.iter().map(|package| encode(request, package)).collect()
}

fn compile(request: &BuildRequest, toolchain: &Toolchain) -> Result<()> {
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(&request.workspace)
        .args(["build", "--target", TARGET, "--profile", &request.profile, "--target-dir"])
        .arg(&request.target_folder)
        .env("CARGO_ENCODED_RUSTFLAGS", format!("-Clink-arg=-zstack-size={}", request.stack_bytes));
    for package in &request.packages {
        cargo.args(["--package", package]);
    }
    let status = cargo.status().context("cargo cannot be started")?;
    if !status.success() {
        bail!("not all of {} compiled: the compiler's reasons stand above", request.packages.join(", "));
    }
    Ok(())
}

fn encode(request: &BuildRequest, package: &str) -> Result<Component> {
    let file = format!("{}.wasm", package.replace('-', "_"));
    let path = request.target_folder.join(TARGET).join(&request.profile).join(file);
    let core = fs::read(&path).with_context(|| {
        format!("{package} gave no {}: its manifest needs [lib] crate-type = [\"cdylib\"]", path.display())
    })?;
    let encoded = ComponentEncoder::default().validate(true).module(&core).and_then(|encoder| encoder.encode());
    let bytes = encoded.with_context(|| format!("{package} is no module: is there a `twitchy_sdk::export!`?"))?;
    Ok(Component { package: package.to_owned(), bytes })
}
