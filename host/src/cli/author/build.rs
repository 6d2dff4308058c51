//! `twitchy module build`: builds the crate in a folder into its component.

use std::env;
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use twitchy_build::Progress;
use twitchy_build::component::{BuildRequest, STACK_BYTES, build_components};
use twitchy_build::project::Project;

use super::blocking::block_on;
use super::gate::Gate;
use crate::cli::component_file::read_component;
use crate::cli::output;
use crate::domain::manifest::{Manifest, SizeClass};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Build {
    /// The module's folder, or one inside it.
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// Copy the component to this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  twitchy module build
  twitchy module build games/dice --out dice.wasm

The component is in the project's own target folder. cargo and rustc start with PATH, the proxy, the locale and the like alone:
no other variable of the environment (so CARGO_TARGET_DIR and RUSTFLAGS have no effect), because dependencies run code while they
are built.";

impl Build {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(out) = &self.out {
            check_replaceable(out)?;
        }
        let component = build(&self.folder, &|line| output::report(line))?;
        let manifest = block_on(judge(&component))?;
        let shown = match &self.out {
            Some(out) => {
                write_whole(out, &read_component(&component)?)?;
                out
            }
            None => &component,
        };
        let Manifest { name, version, component_bytes, .. } = &*manifest;
        let (file, kibibytes) = (shorten(shown), component_bytes.div_ceil(1024));
        output::print(format!("{name} {version} is in {}, {kibibytes} KiB\n", file.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Uploads the component to a host in a temporary folder, so that a refusal is seen now.
async fn judge(component: &Path) -> anyhow::Result<Arc<Manifest>> {
    let gate = Gate::open().await?;
    let (manifest, _) = gate.accept(component, SizeClass::Small).await?;
    gate.close().await;
    Ok(manifest)
}

/// # Errors
/// If there is anything but a WebAssembly file: a slip of the fingers must not cost a source file, a link or a device.
fn check_replaceable(file: &Path) -> anyhow::Result<()> {
    let found = match fs::symlink_metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found.with_context(|| format!("cannot write {}", file.display()))?,
    };
    if !found.is_file() {
        bail!("{} is no ordinary file, and is not overwritten: name another one", file.display());
    }
    let mut begin = Vec::new();
    let read = File::open(file).and_then(|file| file.take(4).read_to_end(&mut begin));
    read.with_context(|| format!("cannot read {}, and so does not overwrite it", file.display()))?;
    if !begin.is_empty() && begin != b"\0asm" {
        bail!("{} is no WebAssembly, and is not overwritten: name another file", file.display());
    }
    Ok(())
}

/// The path from the current folder, if it is below that; empty for that folder itself.
pub(super) fn shorten(path: &Path) -> &Path {
    let here = env::current_dir().and_then(|here| here.canonicalize());
    here.ok().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path)
}

/// Builds the crate in `folder`, or in the nearest folder above it, and returns the path of its component: NAME.wasm in
/// cargo's target folder, which belongs to cargo, so that no file of the author's is overwritten. cargo writes its
/// messages to standard error, and `progress` receives a line before each other slow step.
///
/// # Errors
/// If there is no crate, it does not compile, or it is no module. The text names the remedy.
pub(in crate::cli) fn build(folder: &Path, progress: Progress) -> anyhow::Result<PathBuf> {
    let project = Project::find(folder)?;
    let request = BuildRequest {
        workspace: project.folder,
        libraries: vec![project.library],
        profile: "release".to_owned(),
        target_folder: project.target_folder.clone(),
        stack_bytes: STACK_BYTES,
    };
    let components = build_components(&request, progress)?;
    let component = components.first().context("cargo built nothing")?;
    let path = project.target_folder.join(format!("{}.wasm", component.package));
    write_whole(&path, &component.bytes)?;
    Ok(path)
}

/// Writes a file that appears with all its bytes at once: a watcher never reads half a component.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        // Beside it under a name of its own, and deleted after a failure.
        let mut part = tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder)?;
        part.write_all(bytes)?;
        part.persist(path).map_err(|error| error.error)
    };
    write().map(drop).with_context(|| format!("cannot write {}", path.display()))
}
