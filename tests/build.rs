//! Builds the guests of the tests: every folder in `guests`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use twitchy_build::script::{GuestCrate, build_into_out_dir};

fn main() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = here.parent().context("this crate is not inside its workspace")?;
    let mut crates = Vec::new();
    for entry in fs::read_dir(here.join("guests"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().replace('_', "-");
        crates.push(GuestCrate { package: format!("{name}-guest"), folder: entry.path() });
    }
    build_into_out_dir(workspace, &crates)
}
