//! Debian's own Rust compiler, for machines that reach a Debian mirror and the crate registry, but not rustup's server.
//!
//! The packages are unpacked, not installed: installed, they would conflict with rustup and with Debian's other
//! compiler. Debian has no standard library for guests, so one is built once from Debian's sources. That takes about a
//! minute, 165 MB of downloads and 500 MB on disk.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tool::command;
use crate::toolchain::{Toolchain, has_file};
use crate::{Progress, TARGET};

/// The packages where the search begins: the compiler, and the sources of its standard library.
const WANTED: [&str; 2] = ["rustc-web", "rust-web-src"];
/// Dependencies that belong to the compiler. The others (libc, gcc) are installed already.
const PARTS: [&str; 2] = ["libstd-rust-web", "libllvm"];

const FOLDER: &str = "debian-rust";

/// Returns the compiler in the user's cache folder, if it is there and works.
pub(crate) fn find(at_hand: &Toolchain, cache: &Path) -> Option<Toolchain> {
    unpacked(at_hand, &cache.join(FOLDER)).filter(Toolchain::has_target)
}

/// Downloads and builds the compiler in the cache folder. The caller holds a lock, so no other process does the same.
pub(crate) fn provision(at_hand: &Toolchain, cache: &Path, say: Progress) -> Result<Toolchain> {
    let root = cache.join(FOLDER);
    say(&format!("getting a compiler for command modules from Debian into {} (once, about a minute)", root.display()));
    // An interruption leaves this partial folder, and never an incomplete compiler in the final one.
    let part = cache.join("debian-rust.part");
    remove_folder(&part)?;
    build_beside(at_hand, &part)?;
    remove_folder(&root)?;
    fs::rename(&part, &root)?;
    find(at_hand, cache).context("Debian's compiler does not run here")
}

fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("the folder {} cannot be removed", folder.display()))
        }
        _ => Ok(()),
    }
}

fn build_beside(at_hand: &Toolchain, root: &Path) -> Result<()> {
    let downloads = root.join("downloads");
    fs::create_dir_all(&downloads)?;
    if download(&downloads, &[]).is_err() {
        // The system's package lists are missing, or too old for the mirror. Only root may renew them, so download
        // lists into a private folder. `update` fails if a single source is unreachable, so its result is ignored and
        // the download decides.
        let lists = private_lists(&downloads)?;
        run(command("apt-get").args(&lists).arg("update")).ok();
        download(&downloads, &lists)?;
    }
    for package in fs::read_dir(&downloads)? {
        let package = package?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            run(command("dpkg").arg("-x").arg(package).arg(root))?;
        }
    }
    remove_folder(&downloads)?;
    let compiler = unpacked(at_hand, root).context("the packages hold no compiler, or there is no linker for it")?;
    build_standard_library(&compiler, root)?;
    // The sources are half of the folder's size, and no longer needed.
    remove_folder(&root.join("usr/src"))
}

fn private_lists(downloads: &Path) -> Result<Vec<OsString>> {
    let mut options = Vec::new();
    for (option, folder) in [("Dir::State::lists", "lists"), ("Dir::Cache", "cache")] {
        let folder = downloads.join(folder);
        fs::create_dir_all(folder.join("partial"))?;
        fs::create_dir_all(folder.join("archives/partial"))?;
        let mut value = OsString::from(format!("{option}="));
        value.push(folder);
        options.extend(["-o".into(), value]);
    }
    Ok(options)
}

fn download(folder: &Path, lists: &[OsString]) -> Result<()> {
    let packages = list_packages(lists)?;
    run(command("apt-get").args(lists).arg("download").args(packages).current_dir(folder)).map(drop)
}

/// The packages to download. Their names include versions and change, so they are looked up.
fn list_packages(lists: &[OsString]) -> Result<Vec<String>> {
    let mut packages: Vec<String> = WANTED.map(str::to_owned).into();
    let mut next = 0;
    while let Some(package) = packages.get(next) {
        let answer = run(command("apt-cache").args(lists).arg("depends").arg(package))?;
        for name in parts_named(&answer) {
            if !packages.contains(&name) {
                packages.push(name);
            }
        }
        next += 1;
    }
    Ok(packages)
}

/// The compiler's own packages among the lines `  Depends: NAME` of `apt-cache depends`.
fn parts_named(answer: &str) -> Vec<String> {
    let names = answer.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names.filter(|name| PARTS.iter().any(|part| name.starts_with(part))).map(str::to_owned).collect()
}

/// The compiler unpacked at `root`, whether or not the guests' standard library is built.
fn unpacked(at_hand: &Toolchain, root: &Path) -> Option<Toolchain> {
    let rustc = root.join("usr/bin/rustc");
    let linker = find_linker(at_hand)?;
    if !rustc.exists() {
        return None;
    }
    let libraries = library_folders(&root.join("usr/lib")).join(":".as_ref());
    let variables = vec![
        ("LD_LIBRARY_PATH".into(), libraries),
        ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER".into(), linker.into()),
    ];
    Some(at_hand.with_rustc(rustc, variables))
}

/// Folders of the compiler's own libraries: one named after the machine's architecture, or its parent.
fn library_folders(folder: &Path) -> Vec<OsString> {
    let below = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let folders = below.chain([folder.to_owned()]);
    let has_libraries =
        |folder: &PathBuf| has_file(folder, "librustc_driver", ".so") || has_file(folder, "libLLVM", "");
    folders.filter(has_libraries).map(PathBuf::into_os_string).collect()
}

/// The linker of the compiler at hand: Debian's `rust-lld` is a link into a package that is not downloaded.
fn find_linker(at_hand: &Toolchain) -> Option<PathBuf> {
    let libraries = PathBuf::from(at_hand.print(&["--print", "target-libdir"])?);
    let linker = libraries.parent()?.join("bin/rust-lld");
    linker.exists().then_some(linker)
}

/// Builds the standard library for guests from Debian's sources, and copies it to where the compiler looks for it.
fn build_standard_library(compiler: &Toolchain, root: &Path) -> Result<()> {
    let empty = root.join("empty");
    fs::create_dir_all(empty.join("src"))?;
    fs::write(empty.join("src/lib.rs"), "")?;
    fs::write(
        empty.join("Cargo.toml"),
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n",
    )?;
    let target_folder = empty.join("target");
    run(compiler
        .cargo()
        // A stable compiler allows `-Zbuild-std` only with this variable.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", without_paths(root))
        .args(["build", "--release", "-Zbuild-std=std,panic_abort", "--target", TARGET, "--target-dir"])
        .arg(&target_folder)
        .current_dir(&empty))?;

    let libraries = PathBuf::from(
        compiler
            .print(&["--print", "target-libdir", "--target", TARGET])
            .context("Debian's compiler does not run here")?,
    );
    fs::create_dir_all(&libraries)?;
    for library in fs::read_dir(target_folder.join(TARGET).join("release/deps"))? {
        let library = library?.path();
        let Some(name) = library.file_name().filter(|_| library.extension().is_some_and(|end| end == "rlib")) else {
            continue;
        };
        fs::copy(&library, libraries.join(name))?;
    }
    remove_folder(&empty)
}

/// Flags that keep this machine's paths out of the library. cargo considers copies of the compiler in different folders
/// equal, so crates compiled against one copy must fit another. Guests also come out the same on every machine.
fn without_paths(root: &Path) -> OsString {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(dirs::home_dir()?.join(".cargo")));
    let mut flags = OsString::new();
    for (folder, name) in [(Some(root.to_owned()), "/rust"), (cargo_home, "/cargo")] {
        let Some(folder) = folder else { continue };
        // cargo separates encoded flags with this character.
        flags.push(if flags.is_empty() { "" } else { "\x1f" });
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push("=");
        flags.push(name);
    }
    flags
}

/// Runs a command quietly, and returns its standard output.
fn run(started: &mut Command) -> Result<String> {
    let name = started.get_program().to_string_lossy().into_owned();
    let output = started
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{name} cannot be started"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        // cargo prints the reason at the end, after its progress.
        let lines: Vec<&str> = said.trim().lines().collect();
        bail!("{name}: {}", lines[lines.len().saturating_sub(5)..].join(" / "));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_parts_are_found_whatever_their_version() {
        let answer = "libstd-rust-web-1.96\n  Depends: libc6\n  Depends: libllvm22\n |Depends: gcc\n  Depends: \
                      <libc-dev>\n  Depends: libstd-rust-web-dev\n  Conflicts: <libstd-rust-1.96>\n";
        assert_eq!(parts_named(answer), ["libllvm22", "libstd-rust-web-dev"]);
    }
}
