//! Builds the bundled modules.

use std::path::Path;
use std::process::ExitCode;

use twitchy_build::script::{GuestCrate, build_into_out_dir};

const MODULES: [&str; 4] = ["balance", "help", "join", "settings"];

fn main() -> ExitCode {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = MODULES.map(|name| GuestCrate { package: format!("{name}-module"), folder: here.join(name) });
    build_into_out_dir(here.parent().expect("this crate lies in its workspace's folder"), &crates)
}
