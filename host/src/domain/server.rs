//! Servers of our own configuration, and whose certificates they may have.

use std::fmt;
use std::path::PathBuf;

/// Where a server listens, and whether TLS is spoken there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    pub is_tls: bool,
    /// As TLS and the system's resolver know it: an IPv6 address without its brackets.
    pub host: String,
    pub port: u16,
}

/// Host and port as in a URL: an IPv6 address has its brackets.
impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Files with the certificate authorities to trust, as the environment names them. Where neither is named, Mozilla's are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities {
    /// The value of `SSL_CERT_FILE`.
    pub file: Option<PathBuf>,
    /// The value of `SSL_CERT_DIR`: a list of folders, separated as in `PATH`.
    pub folders: Option<PathBuf>,
}
