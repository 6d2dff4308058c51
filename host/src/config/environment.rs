//! The only reader of the environment.
//!
//! - `TWITCHY_DATA_DIR` overrides the file's `data_dir`, `TWITCHY_HTTP_LISTEN` its `http.listen`.
//! - `TWITCHY_LOG` is the log filter (`info`, `twitchy=debug,warn`); `NO_COLOR` asks for plain text.
//! - The file's `token_env` names the variable of an account's token, its `otlp_headers_env` that of the headers of
//!   traces.
//! - Subcommands that talk to a running host read its address from `TWITCHY_URL` and the key from `TWITCHY_API_KEY`.
//! - `SSL_CERT_FILE` and `SSL_CERT_DIR` name the certificate authorities that TLS trusts ([`Authorities`]).
//!
//! White space around a value is removed: a variable that is set from a file often ends with a line break.

use std::env;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::domain::server::Authorities;

pub(super) const DATA_DIR: &str = "TWITCHY_DATA_DIR";
pub(super) const HTTP_LISTEN: &str = "TWITCHY_HTTP_LISTEN";

/// The advice for a value that begins with a quote.
pub const WITHOUT_QUOTES: &str = "without quotes around it, which docker's --env-file and others hand over as they are";

/// `None` if the variable is not set or empty. Bytes that are not UTF-8 become U+FFFD, which every reader refuses:
/// dropping such a value would make the variable look as if it were not set.
pub(super) fn find(variable: &str) -> Option<String> {
    let value = env::var_os(variable)?.to_string_lossy().trim().to_owned();
    Some(value).filter(|value| !value.is_empty())
}

/// Whether a value begins with a quote that was meant for a shell.
pub fn is_quoted(value: &str) -> bool {
    value.starts_with(['"', '\''])
}

/// The API key with which the command line calls a running host. Not an argument: every user of the machine sees those.
pub fn find_api_key() -> Option<SecretString> {
    find_secret("TWITCHY_API_KEY")
}

/// The log filter, in the syntax of tracing-subscriber's `EnvFilter`.
pub fn find_log_filter() -> Option<String> {
    find("TWITCHY_LOG")
}

/// Whether the user wants no colours in any output (no-color.org).
pub fn is_plain_text_wanted() -> bool {
    env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The folder of the demo's state; `None` if the user has no home directory.
pub fn find_demo_state_dir() -> Option<PathBuf> {
    dirs::data_local_dir().map(|folder| folder.join("twitchy").join("demo"))
}

/// The folder of compiled modules, which can be compiled again; `None` if the user has no home directory.
pub fn find_artefact_dir() -> Option<PathBuf> {
    dirs::cache_dir().map(|folder| folder.join("twitchy").join("artefacts"))
}

/// The address of the API of the host that a subcommand calls.
pub fn find_api_url() -> Option<String> {
    find("TWITCHY_URL")
}

/// A secret from the variable that the configuration names: an access token, or the headers to send with traces.
pub fn find_secret(variable: &str) -> Option<SecretString> {
    find(variable).map(SecretString::from)
}

/// The certificate authorities to trust, from the variables that OpenSSL reads.
pub fn find_authorities() -> Authorities {
    Authorities { file: find("SSL_CERT_FILE").map(PathBuf::from), folders: find("SSL_CERT_DIR").map(PathBuf::from) }
}
