//! Builds the bundled modules.

use std::path::Path;

use anyhow::{Context, Result};
use twitchy_build::script::{GuestCrate, build_into_out_dir};

const MODULES: [&str; 4] = ["balance", "help", "join", "settings"];

fn main() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = here.parent().context("this crate is not inside its workspace")?;
    let crates = MODULES.map(|name| GuestCrate { package: format!("{name}-module"), folder: here.join(name) });
    build_into_out_dir(workspace, &crates)
}
