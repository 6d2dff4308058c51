//! Chooses the compiler for guests: the one at hand if it has the target or rustup can add the target, else Debian's.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::tool::command;
use crate::{Progress, TARGET, debian};

/// Time limit for rustup to download the target, some 25 MB.
const RUSTUP_WITHIN: Duration = Duration::from_secs(180);

/// The line that installs Rust, from rustup.rs.
#[cfg(not(windows))]
const INSTALL_RUST: &str = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh";
#[cfg(windows)]
const INSTALL_RUST: &str = "winget install Rustlang.Rustup";

/// A compiler that has the standard library for guests.
#[derive(Debug, Clone)]
pub struct Toolchain {
    cargo: OsString,
    rustc: OsString,
    /// Environment variables that the compiler needs, such as the path of its own libraries.
    variables: Vec<(OsString, OsString)>,
}

impl Toolchain {
    /// The compiler in use: cargo names it to build scripts by variables, and elsewhere PATH decides.
    pub(crate) fn at_hand() -> Self {
        let or = |variable: &str, otherwise: &str| env::var_os(variable).unwrap_or_else(|| otherwise.into());
        Self { cargo: or("CARGO", "cargo"), rustc: or("RUSTC", "rustc"), variables: Vec::new() }
    }

    pub(crate) fn with_rustc(&self, rustc: PathBuf, variables: Vec<(OsString, OsString)>) -> Self {
        Self { cargo: self.cargo.clone(), rustc: rustc.into(), variables }
    }

    /// # Errors
    /// If there is no cargo or no rustc; the text says how to install them.
    pub(crate) fn check_installed(&self) -> Result<()> {
        for (name, program) in [("cargo", &self.cargo), ("rustc", &self.rustc)] {
            let started = command(program).arg("--version").stdin(Stdio::null()).output();
            let reason = match started {
                Ok(output) if output.status.success() => continue,
                Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
                Err(error) => error.to_string(),
            };
            bail!("this machine has no working {name} ({reason}), and modules are written in Rust: {INSTALL_RUST}");
        }
        Ok(())
    }

    /// A `cargo` command with this compiler, without the outer cargo's variables, which describe the outer build.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = command(&self.cargo);
        for variable in OUTER_VARIABLES {
            cargo.env_remove(variable);
        }
        cargo.env("RUSTC", &self.rustc).envs(self.variables.iter().cloned());
        cargo
    }

    /// The single line that `rustc` prints for these arguments; `None` if there is no such compiler.
    pub(crate) fn print(&self, what: &[&str]) -> Option<String> {
        let output = command(&self.rustc).envs(self.variables.iter().cloned()).args(what).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Whether the target's standard library is where the compiler looks for it.
    pub(crate) fn has_target(&self) -> bool {
        let Some(folder) = self.print(&["--print", "target-libdir", "--target", TARGET]) else { return false };
        let is_there = |name: &str| has_file(Path::new(&folder), name, ".rlib");
        is_there("libcore-") && is_there("libstd-")
    }
}

/// Variables of the outer build that cargo passes to a build script. They must not affect the build of the guests.
const OUTER_VARIABLES: [&str; 14] = [
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_BUILD_RUSTC",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "TARGET",
];

/// Tries in this order: the compiler at hand if it has the target, Debian's if it is in the user's cache folder, adding
/// the target with rustup, downloading Debian's.
///
/// # Errors
/// The text names three remedies, and why rustup and Debian failed.
pub fn find_toolchain(say: Progress) -> Result<Toolchain> {
    let at_hand = Toolchain::at_hand();
    let cache = dirs::cache_dir().context("this user has no cache folder")?.join("twitchy");
    if let Some(toolchain) = find_ready(&at_hand, &cache) {
        return Ok(toolchain);
    }
    fs::create_dir_all(&cache).with_context(|| format!("the folder {} cannot be made", cache.display()))?;
    // cargo runs build scripts in parallel. A second process waits for this lock, and then finds the compiler ready.
    // The lock ends with the process.
    let lock = File::create(cache.join("toolchain.lock"))?;
    lock.lock()?;
    if let Some(toolchain) = find_ready(&at_hand, &cache) {
        return Ok(toolchain);
    }
    say(&format!("adding the target {TARGET} with rustup (once, about 25 MB)"));
    let Err(rustup) = add_target(&at_hand) else { return Ok(at_hand) };
    debian::provision(&at_hand, &cache, say).map_err(|debian| no_way(&rustup, &debian))
}

fn find_ready(at_hand: &Toolchain, cache: &Path) -> Option<Toolchain> {
    if at_hand.has_target() { Some(at_hand.clone()) } else { debian::find(at_hand, cache) }
}

fn no_way(rustup: &anyhow::Error, debian: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "no Rust compiler here can build for {TARGET}, which command modules need. Any one of these helps:\n\
         1. rustup, where it can reach its server: rustup target add {TARGET}\n   (it said: {rustup:#})\n\
         2. a machine with Debian's apt-get and a mirror that has rustc-web: the rest is automatic\n   \
         (here: {debian:#})\n\
         3. any other compiler with that target, named by the variable RUSTC"
    )
}

/// Adds the target with rustup, silently and without retries: if it fails, Debian's compiler is tried next.
fn add_target(toolchain: &Toolchain) -> Result<()> {
    let mut rustup = command("rustup")
        .args(["target", "add", TARGET])
        .env("RUSTUP_MAX_RETRIES", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("rustup is not installed")?;
    let deadline = Instant::now() + RUSTUP_WITHIN;
    while rustup.try_wait()?.is_none() {
        if Instant::now() > deadline {
            rustup.kill()?;
            bail!("no answer within {} seconds", RUSTUP_WITHIN.as_secs());
        }
        thread::sleep(Duration::from_millis(50));
    }
    let output = rustup.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("{}", said.lines().find(|line| line.starts_with("error")).unwrap_or("it refused").trim());
    }
    // rustup may have added the target to another compiler than the one at hand.
    if !toolchain.has_target() {
        bail!("it added the target to a compiler other than the one in use");
    }
    Ok(())
}

/// Whether the folder has a file whose name begins and ends like this.
pub(crate) fn has_file(folder: &Path, begins: &str, ends: &str) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(begins) && name.ends_with(ends)
    })
}
