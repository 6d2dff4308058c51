//! For build scripts: builds guest crates of this workspace into `OUT_DIR`, and tells cargo what to watch.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::component::{BuildRequest, STACK_BYTES, build_components};

/// A guest crate of this workspace.
#[derive(Debug, Clone)]
pub struct GuestCrate {
    pub package: String,
    pub folder: PathBuf,
}

/// Builds the crates in one go; each component is then `OUT_DIR/<package>.wasm`. What goes wrong is said on standard
/// error, which cargo shows, and makes the script fail.
///
/// `workspace` is the folder of the workspace's manifest. cargo runs the script again when a crate, the SDK, the contract
/// or the workspace's manifest changed, and not otherwise.
pub fn build_into_out_dir(workspace: &Path, crates: &[GuestCrate]) -> ExitCode {
    match try_build(workspace, crates) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the crate with this manifest belongs into the host: not where the line `bundled = false` stands below
/// `[package.metadata.twitchy]`. Its author uploads that one; a host that has it built in would keep the name.
pub fn is_bundled(manifest: &str) -> bool {
    // cargo leaves this table to others.
    let own = manifest.lines().map(without_blanks).skip_while(|line| line != "[package.metadata.twitchy]").skip(1);
    !own.take_while(|line| !line.starts_with('[')).any(|line| line == "bundled=false")
}

/// And without a comment.
fn without_blanks(line: &str) -> String {
    let code = line.split('#').next().unwrap_or_default();
    code.split_whitespace().collect()
}

fn try_build(workspace: &Path, crates: &[GuestCrate]) -> Result<()> {
    let own =
        ["Cargo.toml", "Cargo.lock", "guest-sdk/Cargo.toml", "guest-sdk/src", "wit"].map(|path| workspace.join(path));
    for path in own.iter().chain(crates.iter().map(|guest| &guest.folder)) {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is not set: this is no build script")?);
    let request = BuildRequest {
        workspace: workspace.to_owned(),
        packages: crates.iter().map(|guest| guest.package.clone()).collect(),
        profile: "guest".to_owned(),
        target_folder: outer_target_folder(&out_dir).join("guests"),
        stack_bytes: STACK_BYTES,
    };
    for component in build_components(&request, &tell)? {
        fs::write(out_dir.join(format!("{}.wasm", component.package)), component.bytes)?;
    }
    Ok(())
}

/// cargo holds back what a build script writes until the script ends, and repeats its warnings with every later build. So
/// this goes straight to the terminal, and is a warning only where there is none.
fn tell(line: &str) {
    match File::options().write(true).open("/dev/tty") {
        // Over cargo's progress bar, which it then draws anew.
        Ok(mut terminal) => drop(writeln!(terminal, "\r\x1b[K    {line}")),
        Err(_) => println!("cargo:warning={line}"),
    }
}

/// cargo marks the top of its target folder with this file; so `cargo clean` clears the guests too, and all build scripts
/// of a workspace share what they compile.
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
