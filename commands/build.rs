//! Builds the bundled modules, one for each folder here that holds a crate, and lists them for `lib.rs`.
//!
//! A crate whose manifest says `bundled = false` is left out: its author uploads the module instead.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use twitchy_build::script::{GuestCrate, build_into_out_dir, is_bundled};

fn main() -> ExitCode {
    // Read at run time. `env!` would name the checkout that compiled this script, which may be deleted if two checkouts
    // share a target folder.
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names it to every build script"));
    // Makes cargo run this script again when a folder is added.
    println!("cargo:rerun-if-changed={}", here.display());
    let names = list_crates(&here);
    write_list(&names);
    let crate_of = |name: &String| GuestCrate { package: format!("{name}-module"), folder: here.join(name) };
    let crates: Vec<GuestCrate> = names.iter().map(crate_of).collect();
    build_into_out_dir(here.parent().expect("this crate lies in its workspace's folder"), &crates)
}

/// The names of the folders that hold a crate to be bundled, sorted.
fn list_crates(here: &Path) -> Vec<String> {
    let entries = fs::read_dir(here).expect("cargo runs this in the folder of the crate");
    let has_bundled =
        |folder: &PathBuf| fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|manifest| is_bundled(&manifest));
    let folders = entries.flatten().map(|entry| entry.path()).filter(has_bundled);
    let mut names: Vec<String> =
        folders.filter_map(|path| path.file_name().and_then(OsStr::to_str).map(str::to_owned)).collect();
    names.sort();
    names
}

fn write_list(names: &[String]) {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names it to every build script"));
    let entry = |name: &String| {
        let component = out_dir.join(format!("{name}-module.wasm"));
        format!("Bundled {{ name: {name:?}, component: include_bytes!({component:?}) }},")
    };
    let entries: Vec<String> = names.iter().map(entry).collect();
    let list = format!("&[{}]", entries.join("\n"));
    fs::write(out_dir.join("bundled.rs"), list).expect("cargo made this folder for the build script");
}
