//! For build scripts: builds guest crates of this workspace into `OUT_DIR`, and tells cargo what to watch.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::component::{BuildRequest, GuestLibrary, STACK_BYTES, build_components};

/// A guest crate of this workspace.
#[derive(Debug, Clone)]
pub struct GuestCrate {
    pub package: String,
    pub folder: PathBuf,
}

/// Builds all crates with one cargo call; each component is then `OUT_DIR/<package>.wasm`. An error is printed to
/// standard error, which cargo shows, and makes the script fail.
///
/// `workspace` is the folder of the workspace's manifest. cargo runs the script again only when a crate, the SDK or the
/// workspace's manifest has changed.
pub fn build_into_out_dir(workspace: &Path, crates: &[GuestCrate]) -> ExitCode {
    match try_build(workspace, crates) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the crate with this manifest is built into the host. A crate is not if the line `bundled = false` stands
/// below `[package.metadata.twitchy]`: its author uploads the module, and a bundled one would keep the name from the
/// upload.
pub fn is_bundled(manifest: &str) -> bool {
    // cargo leaves this table to other tools.
    let own = manifest.lines().map(without_blanks).skip_while(|line| line != "[package.metadata.twitchy]").skip(1);
    !own.take_while(|line| !line.starts_with('[')).any(|line| line == "bundled=false")
}

/// Removes blanks and a comment.
fn without_blanks(line: &str) -> String {
    let code = line.split('#').next().unwrap_or_default();
    code.split_whitespace().collect()
}

fn try_build(workspace: &Path, crates: &[GuestCrate]) -> Result<()> {
    let own = ["Cargo.toml", "Cargo.lock", "guest-sdk/Cargo.toml", "guest-sdk/src"].map(|path| workspace.join(path));
    for path in own.iter().chain(crates.iter().map(|guest| &guest.folder)) {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is not set: this is no build script")?);
    let request = BuildRequest {
        workspace: workspace.to_owned(),
        libraries: crates.iter().map(|guest| GuestLibrary::of_package(&guest.package)).collect(),
        profile: "guest".to_owned(),
        target_folder: outer_target_folder(&out_dir).join("guests"),
        stack_bytes: STACK_BYTES,
    };
    for component in build_components(&request, &tell)? {
        fs::write(out_dir.join(format!("{}.wasm", component.package)), component.bytes)?;
    }
    Ok(())
}

/// Prints progress. cargo holds back a build script's output until the script ends, and repeats its warnings with every
/// later build. So the line goes to the terminal, and becomes a warning only without one.
fn tell(line: &str) {
    match File::options().write(true).open("/dev/tty") {
        // Overwrites cargo's progress bar, which cargo then draws again.
        Ok(mut terminal) => drop(writeln!(terminal, "\r\x1b[K    {line}")),
        Err(_) => println!("cargo:warning={line}"),
    }
}

/// The top of cargo's target folder, which cargo marks with this file. In there, `cargo clean` deletes the guests too,
/// and all build scripts of a workspace share compiled crates.
fn outer_target_folder(out_dir: &Path) -> &Path {
    out_dir.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists()).unwrap_or(out_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_bundled_unless_its_manifest_says_otherwise() {
        assert!(is_bundled("[package]\nname = \"hug-module\"\n"));
        assert!(!is_bundled("[package]\n\n[package.metadata.twitchy]\nbundled = false\n"));
        assert!(is_bundled("[package.metadata.twitchy]\nbundled = true\n"));
        for line in ["bundled=false", "bundled = false # uploaded", "  bundled\t=  false"] {
            assert!(!is_bundled(&format!("[package.metadata.twitchy] # ours\n# bundled = true\n{line}\n")), "{line}");
        }
        assert!(is_bundled("[package.metadata.twitchy]\n# bundled = false\n"));
        assert!(is_bundled("[package.metadata.twitchy]\n[package.metadata.other]\nbundled = false\n"));
    }
}
