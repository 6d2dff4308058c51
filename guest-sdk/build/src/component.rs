//! Builds guest crates into components: one cargo build for all crates, then an encoding for each.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use wit_component::ComponentEncoder;

use crate::tool::command;
use crate::toolchain::Toolchain;
use crate::{TARGET, toolchain};

/// The guest crates to build, all of one workspace.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The folder of the workspace's manifest, or of a crate in it.
    pub workspace: PathBuf,
    pub libraries: Vec<GuestLibrary>,
    /// The cargo profile: `guest` in this workspace, `release` elsewhere.
    pub profile: String,
    /// cargo's target folder. It must not be the outer build's: cargo locks that one while a build script runs.
    pub target_folder: PathBuf,
    /// The guest's stack in bytes. A fresh instance clears it, so a small one starts faster: see [`STACK_BYTES`].
    pub stack_bytes: u32,
}

/// The beginning of the names that a module exports.
const EXPORT: &[u8] = b"twitchy:command/module@";

/// A guest crate. It must be a `cdylib`.
#[derive(Debug, Clone)]
pub struct GuestLibrary {
    pub package: String,
    /// The name in the file that cargo writes: the package's, unless `[lib]` has another.
    pub library: String,
}

impl GuestLibrary {
    /// The library of a package whose manifest gives it no name of its own.
    pub fn of_package(package: &str) -> GuestLibrary {
        GuestLibrary { package: package.to_owned(), library: package.replace('-', "_") }
    }
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
    request.libraries.iter().map(|library| encode(request, library)).collect()
}

fn compile(request: &BuildRequest, toolchain: &Toolchain) -> Result<()> {
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(&request.workspace)
        .args(["build", "--lib", "--target", TARGET, "--profile", &request.profile, "--target-dir"])
        .arg(&request.target_folder)
        .env("CARGO_ENCODED_RUSTFLAGS", format!("-Clink-arg=-zstack-size={}", request.stack_bytes));
    for library in &request.libraries {
        cargo.args(["--package", &library.package]);
    }
    let status = cargo.status().context("cargo cannot be started")?;
    if !status.success() {
        let packages: Vec<&str> = request.libraries.iter().map(|library| library.package.as_str()).collect();
        bail!("{} did not compile: the reasons stand above{}", packages.join(", "), advise_linker());
    }
    Ok(())
}

/// A remedy if this machine has no linker. A module alone needs none, but macros and build scripts of its dependencies do.
fn advise_linker() -> &'static str {
    let has_linker = ["cc", "gcc", "clang"].iter().any(|linker| {
        let found = command(linker).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        found.is_ok()
    });
    if has_linker || cfg!(windows) {
        return "";
    }
    if cfg!(target_os = "macos") {
        "\nthis machine has no linker, which macros and build scripts need: xcode-select --install"
    } else {
        "\nthis machine has no linker, which macros and build scripts need: sudo apt-get install gcc, or what installs gcc here"
    }
}

fn encode(request: &BuildRequest, guest: &GuestLibrary) -> Result<Component> {
    let package = &guest.package;
    let file = format!("{}.wasm", guest.library);
    let path = request.target_folder.join(TARGET).join(&request.profile).join(file);
    let core = fs::read(&path).with_context(|| {
        format!("{package} gave no {}: its manifest needs [lib] crate-type = [\"cdylib\"]", path.display())
    })?;
    if !core.windows(EXPORT.len()).any(|bytes| bytes == EXPORT) {
        bail!(
            "{package} exports no module: its src/lib.rs needs the line `twitchy_sdk::export!(TYPE);`, with the TYPE of \
             your `impl Module for TYPE`"
        );
    }
    let encoded = ComponentEncoder::default().validate(true).module(&core).and_then(|encoder| encoder.encode());
    let bytes = encoded.with_context(|| format!("{package} does not fit the contract"))?;
    Ok(Component { package: package.to_owned(), bytes })
}
