//! Builds the guests of the tests: every folder in `guests`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use twitchy_build::script::{GuestCrate, build_into_out_dir};

fn main() -> ExitCode {
    // At run time: the folder of a checkout that shares its target folder with this one may be gone.
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names it to every build script"));
    let folders = fs::read_dir(here.join("guests")).expect("the folder of the guests is part of the repository");
    let crates = folders.flatten().map(|entry| {
        let name = entry.file_name().to_string_lossy().replace('_', "-");
        GuestCrate { package: format!("{name}-guest"), folder: entry.path() }
    });
    let crates: Vec<GuestCrate> = crates.collect();
    build_into_out_dir(here.parent().expect("this crate lies in its workspace's folder"), &crates)
}
