//! Starts cargo, rustc, rustup and the like with the variables that they need, and no others.
//!
//! These programs run code that the author did not write: build scripts and macros of dependencies inherit the environment.
//! A token or an API key in it could be sent anywhere, whatever its name is.

use std::env;
use std::ffi::OsStr;
use std::process::Command;

/// Variables that say where programs, compilers, crates, caches and temporary files are, and how to reach the network.
const NEEDED: [&str; 30] = [
    "APPDATA",
    "CARGO_HOME",
    "COLORTERM",
    "COMSPEC",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "LOCALAPPDATA",
    "LOGNAME",
    "NO_COLOR",
    "PATH",
    "PATHEXT",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "PROGRAMFILES(X86)",
    "RUSTC",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "SOURCE_DATE_EPOCH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SYSTEMROOT",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
    "USER",
    "USERPROFILE",
    "WINDIR",
];
/// Beginnings of further ones: locales, folders of caches, and cargo's settings of network and output.
const NEEDED_GROUPS: [&str; 6] = ["CARGO_HTTP_", "CARGO_NET_", "CARGO_TERM_", "LC_", "RUSTUP_DIST_", "XDG_"];
/// Endings of further ones: `HTTPS_PROXY`, `no_proxy`.
const PROXY: &str = "_PROXY";

/// A command with the needed variables alone.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.envs(env::vars_os().filter(|(name, _)| is_needed(&name.to_string_lossy())));
    command
}

fn is_needed(variable: &str) -> bool {
    let name = variable.to_ascii_uppercase();
    NEEDED.contains(&&*name) || NEEDED_GROUPS.iter().any(|start| name.starts_with(start)) || name.ends_with(PROXY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_tools_need_is_passed_on() {
        for name in [
            "TWITCHY_API_KEY",
            "TWITCH_TOKEN",
            "CARGO_REGISTRY_TOKEN",
            "CARGO_REGISTRIES_OURS_TOKEN",
            "DATABASE_URL",
            "GH_PAT",
            "PGPASSWORD",
            "AWS_PROFILE",
            "SSH_AUTH_SOCK",
        ] {
            assert!(!is_needed(name), "{name}");
        }
        for name in
            ["PATH", "Path", "HOME", "CARGO_HOME", "https_proxy", "SSL_CERT_FILE", "LC_ALL", "CARGO_NET_OFFLINE"]
        {
            assert!(is_needed(name), "{name}");
        }
    }
}
