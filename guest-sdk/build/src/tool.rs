//! Starts cargo, rustc, rustup and the like, without the host's variables.
//!
//! These programs run code that the author did not write: build scripts and macros of dependencies. A token or an API key
//! in their environment could be sent anywhere.

use std::env;
use std::ffi::OsStr;
use std::process::Command;

/// The words that mark a credential in a variable's name.
const CREDENTIALS: [&str; 4] = ["TOKEN", "SECRET", "PASSWORD", "KEY"];

/// A command whose environment has no variable of the host and no credential.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os().filter(|(name, _)| is_withheld(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
}

/// Credentials of cargo itself stay: cargo needs them for private registries, and hands them to nobody.
fn is_withheld(variable: &str) -> bool {
    let name = variable.to_ascii_uppercase();
    let is_credential = name.split('_').any(|word| CREDENTIALS.contains(&word)) && !name.starts_with("CARGO_");
    name.starts_with("TWITCH") || is_credential
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_host_and_credentials_are_withheld() {
        for name in ["TWITCHY_API_KEY", "TWITCHY_LOG", "twitchy_url", "TWITCH_TOKEN", "BOT_TOKEN", "OTLP_SECRET", "KEY"]
        {
            assert!(is_withheld(name), "{name}");
        }
        for name in
            ["PATH", "HOME", "CARGO_HOME", "CARGO_REGISTRIES_OURS_TOKEN", "KEYBOARD", "HTTPS_PROXY", "SSL_CERT_FILE"]
        {
            assert!(!is_withheld(name), "{name}");
        }
    }
}
