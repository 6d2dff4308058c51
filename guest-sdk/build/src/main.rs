//! Builds one module of this workspace into a component for `twitchy module push`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use twitchy_build::component::{BuildRequest, GuestLibrary, STACK_BYTES, build_components};

const USAGE: &str = "usage: cargo run -p twitchy-build -- PACKAGE [FILE]

Builds the module in the crate PACKAGE, such as hug-module, and writes its component to FILE, or else to PACKAGE.wasm.";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (package, file) = match arguments.as_slice() {
        [package] if !package.starts_with('-') => (package, PathBuf::from(format!("{package}.wasm"))),
        [package, file] if !package.starts_with('-') => (package, PathBuf::from(file)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match build(package, &file) {
        Ok(bytes) => {
            println!("{} is there, {bytes} bytes", file.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("twitchy-build: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn build(package: &str, file: &Path) -> Result<usize> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("this crate has no workspace")?;
    let request = BuildRequest {
        workspace: workspace.to_owned(),
        libraries: vec![GuestLibrary::of_package(package)],
        profile: "guest".to_owned(),
        target_folder: workspace.join("target/guests"),
        stack_bytes: STACK_BYTES,
    };
    let components = build_components(&request, &|line| eprintln!("{line}"))?;
    let component = components.first().context("nothing was built")?;
    fs::write(file, &component.bytes).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(component.bytes.len())
}
