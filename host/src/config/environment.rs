//! The only reader of the environment.
//!
//! `TWITCHY_DATA_DIR` overrides the file's `data_dir`, `TWITCHY_HTTP_LISTEN` its `http.listen`, `TWITCHY_API_KEY` is the key
//! with which the command line asks a running host, `TWITCHY_LOG` says what is logged (`info`,
//! `twitchy=debug,warn`), and `NO_COLOR` asks for plain text. An account's token is in the variable that its
//! `token_env` names, and what goes with traces in that of `otlp_headers_env`. Subcommands that ask a running host find
//! it by `TWITCHY_URL` and `TWITCHY_API_KEY`.

use std::env;
use std::path::PathBuf;

use secrecy::SecretString;

pub(super) const HTTP_LISTEN: &str = "TWITCHY_HTTP_LISTEN";

/// None where the variable is not set, or empty.
pub fn find_data_dir() -> Option<PathBuf> {
    env::var_os("TWITCHY_DATA_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// An address and a port, or `off`; None where the variable is not set, or empty.
pub(super) fn find_http_listen() -> Option<String> {
    env::var(HTTP_LISTEN).ok().filter(|address| !address.is_empty())
}

/// The key with which the command line asks a running host. Not an argument: those are seen by everybody on the machine.
pub fn find_api_key() -> Option<SecretString> {
    env::var("TWITCHY_API_KEY").ok().filter(|key| !key.is_empty()).map(SecretString::from)
}

/// Which log lines are wanted, in the notation of tracing-subscriber's `EnvFilter`.
pub fn find_log_filter() -> Option<String> {
    env::var("TWITCHY_LOG").ok().filter(|filter| !filter.is_empty())
}

/// Whether colours are unwanted everywhere (no-color.org).
pub fn is_plain_text_wanted() -> bool {
    env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Where the demo keeps its state; None where the user has no home.
pub fn find_demo_state_dir() -> Option<PathBuf> {
    dirs::data_local_dir().map(|folder| folder.join("twitchy").join("demo"))
}

/// Compiled modules, which can be made anew; None where the user has no home.
pub fn find_artefact_dir() -> Option<PathBuf> {
    dirs::cache_dir().map(|folder| folder.join("twitchy").join("artefacts"))
}

/// Where the API of the host is that a subcommand asks.
pub fn find_api_url() -> Option<String> {
    env::var("TWITCHY_URL").ok().filter(|url| !url.is_empty())
}

/// The headers that go with traces, from the variable that the configuration names.
pub fn find_collector_headers(variable: &str) -> Option<SecretString> {
    env::var(variable).ok().map(SecretString::from)
}

pub(super) fn find_token(variable: &str) -> Option<SecretString> {
    env::var(variable).ok().map(SecretString::from)
}
