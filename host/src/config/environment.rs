//! The only reader of the environment.
//!
//! `TWITCHY_DATA_DIR` overrides the file's `data_dir`, `TWITCHY_HTTP_LISTEN` its `http.listen`, `TWITCHY_LOG` says what is
//! logged (`info`, `twitchy=debug,warn`), and `NO_COLOR` asks for plain text. An account's token is in the variable that its
//! `token_env` names, and what goes with traces in that of `otlp_headers_env`. Subcommands that ask a running host find
//! it by `TWITCHY_URL`, and open it with the key in `TWITCHY_API_KEY`.
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` say whom TLS trusts ([`Authorities`]).
//!
//! White space around a value is no part of it: a line end gets into a variable that is set from a file.

use std::env;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::domain::server::Authorities;

pub(super) const DATA_DIR: &str = "TWITCHY_DATA_DIR";
pub(super) const HTTP_LISTEN: &str = "TWITCHY_HTTP_LISTEN";

/// What to say of a value that begins with a quote.
pub const WITHOUT_QUOTES: &str = "without quotes around it, which docker's --env-file and others hand over as they are";

/// None where the variable is not set, or empty. Bytes that are not UTF-8 become U+FFFD, which every reader refuses: a value
/// that is passed over would be taken for one that is not set.
fn find(variable: &str) -> Option<String> {
    let value = env::var_os(variable)?.to_string_lossy().trim().to_owned();
    Some(value).filter(|value| !value.is_empty())
}

/// Whether a value has kept quotes that were meant for a shell.
pub fn is_quoted(value: &str) -> bool {
    value.starts_with(['"', '\''])
}

pub(super) fn find_data_dir() -> Option<String> {
    find(DATA_DIR)
}

/// An address and a port, or `off`.
pub(super) fn find_http_listen() -> Option<String> {
    find(HTTP_LISTEN)
}

/// The key with which the command line asks a running host. Not an argument: those are seen by everybody on the machine.
pub fn find_api_key() -> Option<SecretString> {
    find("TWITCHY_API_KEY").map(SecretString::from)
}

/// Which log lines are wanted, in the notation of tracing-subscriber's `EnvFilter`.
pub fn find_log_filter() -> Option<String> {
    find("TWITCHY_LOG")
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
    find("TWITCHY_URL")
}

/// The headers that go with traces, from the variable that the configuration names.
pub fn find_collector_headers(variable: &str) -> Option<SecretString> {
    find(variable).map(SecretString::from)
}

/// The certificate authorities to trust, by the variables that OpenSSL knows.
pub fn find_authorities() -> Authorities {
    Authorities { file: find("SSL_CERT_FILE").map(PathBuf::from), folders: find("SSL_CERT_DIR").map(PathBuf::from) }
}

pub(super) fn find_token(variable: &str) -> Option<SecretString> {
    find(variable).map(SecretString::from)
}
