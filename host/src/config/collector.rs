//! The address to which traces are sent.

use toml::de::DeValue;

use super::value::{ReadValue, is_loopback};
use crate::domain::server::ServerAddress;

/// `https://host:port/path` or `http://host:port/path` of an OpenTelemetry collector, without the `/v1/traces` that the
/// exporter appends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorAddress {
    pub server: ServerAddress,
    /// Empty, or starts with a slash and does not end with one.
    pub path: String,
}

impl CollectorAddress {
    pub fn is_on_this_machine(&self) -> bool {
        is_loopback(&self.server.host)
    }
}

impl ReadValue for CollectorAddress {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        // The error does not show the value: some operators put a key into such an address.
        let wrong = || "must be an address such as \"http://localhost:4318\", or \"off\"".to_owned();
        value.as_str().and_then(parse_collector).ok_or_else(wrong)
    }
}

fn parse_collector(text: &str) -> Option<CollectorAddress> {
    let (scheme, rest) = text.split_once("://")?;
    let (is_tls, usual_port) = match scheme {
        "https" => (true, 443),
        "http" => (false, 80),
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None if port.is_empty() => usual_port,
        None => return None,
    };
    let is_address = authority.starts_with('[');
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || is_address && byte == b':';
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~');
    let is_sound = !host.is_empty() && host.bytes().all(is_host) && path.bytes().all(is_path);
    let server = ServerAddress { is_tls, host: host.to_owned(), port };
    is_sound.then(|| CollectorAddress { server, path: path.trim_end_matches('/').to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_has_a_scheme_and_a_host_and_perhaps_a_port_and_a_path() {
        let collector = |is_tls, host: &str, port, path: &str| {
            let server = ServerAddress { is_tls, host: host.to_owned(), port };
            Some(CollectorAddress { server, path: path.to_owned() })
        };
        assert_eq!(parse_collector("http://localhost:4318"), collector(false, "localhost", 4318, ""));
        assert_eq!(parse_collector("https://otlp.example/"), collector(true, "otlp.example", 443, ""));
        assert_eq!(parse_collector("http://[::1]:4318/a/b/"), collector(false, "::1", 4318, "/a/b"));
        for bad in [
            "",
            "localhost:4318",
            "grpc://a:1",
            "http://",
            "http://:4318",
            "http://a:0",
            "http://a:b",
            "http://a:",
            "http://[::1",
            "http://[::1]4318",
            "http://key@a",
            "http://a/b?c",
            "http://a/b c",
            "http://a\r\nb",
        ] {
            assert_eq!(parse_collector(bad), None, "{bad:?}");
        }
    }
}
