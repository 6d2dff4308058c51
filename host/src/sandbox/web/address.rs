//! The address of a request: `https`, a host name, and a path. An [`Address`] cannot express anything else.

use super::request::SendRequestError;

/// Longest address, in bytes.
const LONGEST: usize = 4096;
const SCHEME: &str = "https://";

/// A parsed absolute address. Its port is always 443, and it contains no user name or password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// In lower case, like the hosts in a module's manifest.
    pub(super) host: String,
    /// Begins with a slash; the query is part of it.
    pub(super) target: String,
}

/// Parses an address as a module writes it.
pub(super) fn parse_address(text: &str) -> Result<Address, SendRequestError> {
    let wrong = |why: &str| Err(SendRequestError::InvalidRequest(format!("the address {why}")));
    if text.len() > LONGEST {
        return wrong("is longer than 4096 bytes");
    }
    // Excludes all characters that programs interpret differently: spaces, backslashes, anything that is not ASCII.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`');
    if text.contains("{secret:") {
        return wrong("holds a secret: only a header may");
    }
    if !text.bytes().all(|byte| is_plain(byte) && !matches!(byte, b'{' | b'|' | b'}')) {
        return wrong("holds characters that must be percent-encoded");
    }
    let Some(rest) = strip_scheme(text) else { return wrong("does not begin with https://") };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if authority.contains('@') {
        return wrong("holds a name or a password");
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    if !matches!(port, None | Some("" | "443")) {
        return wrong("names a port other than 443");
    }
    if !is_name(host) {
        return wrong("names no host");
    }
    let target = rest.split('#').next().unwrap_or_default();
    let slash = if target.starts_with('/') { "" } else { "/" };
    Ok(Address { host: host.to_ascii_lowercase(), target: format!("{slash}{target}") })
}

fn strip_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)
}

/// Whether `host` is a name and not an IP address: every notation of those ends in a number or a bracket.
fn is_name(host: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_letter);
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_numeric = last.starts_with(|first: char| first.is_ascii_digit());
    host.len() <= 253 && host.split('.').all(is_label) && !is_numeric
}

impl Address {
    /// Resolves the text of a `Location` header against this address.
    pub(super) fn join(&self, location: &str) -> Result<Address, SendRequestError> {
        let location = location.split('#').next().unwrap_or_default();
        let joined = match location {
            _ if has_scheme(location) => location.to_owned(),
            _ if location.starts_with("//") => format!("https:{location}"),
            _ if location.starts_with('/') => format!("{SCHEME}{}{location}", self.host),
            _ if location.starts_with('?') => format!("{SCHEME}{}{}{location}", self.host, self.path()),
            "" => format!("{SCHEME}{}{}", self.host, self.target),
            _ => {
                let folder = self.path().rsplit_once('/').map_or("", |(folder, _)| folder);
                format!("{SCHEME}{}{folder}/{location}", self.host)
            }
        };
        parse_address(&joined)
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// Whether a colon precedes the path.
fn has_scheme(location: &str) -> bool {
    let end = location.find(['/', '?', '#']).unwrap_or(location.len());
    location[..end].contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(address: Result<Address, SendRequestError>) -> String {
        match address {
            Ok(address) => format!("{} {}", address.host, address.target),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_address_is_a_name_and_a_path() {
        for (text, expected) in [
            ("https://api.example.com", "api.example.com /"),
            ("https://API.Example.com/V1/dice?sides=6", "api.example.com /V1/dice?sides=6"),
            ("HTTPS://api.example.com?a=b", "api.example.com /?a=b"),
            ("https://api.example.com/a#top", "api.example.com /a"),
            ("https://api.example.com:443/a:b@c", "api.example.com /a:b@c"),
            ("https://api.example.com:/", "api.example.com /"),
        ] {
            assert_eq!(shown(parse_address(text)), expected, "{text}");
        }
    }

    #[test]
    fn whatever_else_looks_like_an_address_is_none() {
        for bad in [
            "",
            "api.example.com",
            "http://api.example.com/",
            "ftp://api.example.com/",
            "https:/api.example.com/",
            "https:api.example.com",
            "https://",
            "https:///a",
            "https://name:word@api.example.com/",
            "https://api.example.com@evil.example/",
            "https://api.example.com:80/",
            "https://api.example.com:8443/",
            "https://api.example.com:443:1/",
            "https://api.example.com:0443/",
            "https://api.example.com\\@evil.example/",
            "https://api.example.com/a b",
            "https://api.example.com/a\r\nHost: evil.example",
            "https://api.example.com/\u{e9}",
            "https://\u{430}pi.example.com/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://017700000001/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[fe80::1%25eth0]/",
            "https://::1/",
            "https://127.1/",
            "https://0x7f.0.0.0x1/",
            "https://0177.0.0.1/",
            "https://api.example.com.0/",
            "https://api%2eexample%2ecom/",
            "https://api.example.com%00.evil.example/",
            "https://*.example.com/",
            "https://.example.com/",
            "https://./",
            "https://@api.example.com/",
            "https://api.example.com;evil.example/",
            "https://api.example.com,evil.example/",
            "https://api.example.com/\0",
            "https://api.example.com/\u{7f}",
            "https://api.example.com\t/",
            "https://api..example.com/",
            "https://api.example.com./",
            "https://api.example.com/{secret:token}",
            "https://api.example.com/{a}",
            " https://api.example.com/",
        ] {
            assert!(parse_address(bad).is_err(), "{bad:?}");
        }
        assert!(parse_address(&format!("https://api.example.com/{}", "a".repeat(LONGEST))).is_err());
    }

    #[test]
    fn a_location_starts_where_it_was_said() {
        let here = parse_address("https://api.example.com/v1/dice?sides=6").unwrap();
        for (location, expected) in [
            ("https://other.example/a", "other.example /a"),
            ("//other.example/a", "other.example /a"),
            ("/v2", "api.example.com /v2"),
            ("coin?x=https://y", "api.example.com /v1/coin?x=https://y"),
            ("../coin", "api.example.com /v1/../coin"),
            ("?sides=8", "api.example.com /v1/dice?sides=8"),
            ("#top", "api.example.com /v1/dice?sides=6"),
            ("/v2#top", "api.example.com /v2"),
            ("", "api.example.com /v1/dice?sides=6"),
        ] {
            assert_eq!(shown(here.join(location)), expected, "{location}");
        }
        for bad in
            ["http://api.example.com/", "file:///etc/passwd", "//127.0.0.1/", "//a@api.example.com", "javascript:a"]
        {
            assert!(here.join(bad).is_err(), "{bad}");
        }
    }
    #[test]
    fn a_name_is_as_long_as_names_are() {
        let label = "a".repeat(63);
        let name = |last: usize| format!("https://{label}.{label}.{label}.{}/", "a".repeat(last));
        assert!(parse_address(&name(61)).is_ok());
        for bad in [name(62), format!("https://{label}a.example/"), format!("https://{}/", "a.".repeat(127))] {
            assert!(parse_address(&bad).is_err(), "{bad}");
        }
    }

    /// Checks that a parsed address has a single interpretation, and can be sent as HTTP.
    fn check(address: &Address) {
        let Address { host, target } = address;
        let text = format!("https://{host}{target}");
        assert_eq!(parse_address(&text).as_ref(), Ok(address), "{text}");
        assert!(host.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_')), "{text}");
        assert!(host.parse::<std::net::IpAddr>().is_err(), "{text}");
        assert!(target.starts_with('/') && !target.contains('#'), "{text}");
        assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
        // Another parser finds the same host, and neither a port nor a user name.
        if let Ok(uri) = text.parse::<hyper::Uri>() {
            assert_eq!(uri.authority().map(hyper::http::uri::Authority::as_str), Some(host.as_str()), "{text}");
        }
        if let Ok(uri) = target.parse::<hyper::Uri>() {
            assert!(uri.host().is_none(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_parsed_can_be_read_in_one_way_only(
            authority in "([a-cA-C0-9xX._-]|[:@/?#%\\\\\\[\\]*~;,\r\n\t\\x00 é]){1,20}",
            rest in "[/?#.:@%a-c\\\\\r\n\\x00 é{}]{0,12}",
            location in "(https:|HTTPS:|http:)?[/?#.:@a-c0-9%\\\\ ]{0,16}",
        ) {
            let texts = [format!("https://{authority}{rest}"), format!("https://{authority}"), format!("https://a.b{rest}")];
            for text in texts {
                let Ok(address) = parse_address(&text) else { continue };
                check(&address);
                if let Ok(next) = address.join(&location) {
                    check(&next);
                    let says_host = has_scheme(&location) || location.starts_with("//");
                    assert!(says_host || next.host == address.host, "{text} {location}");
                }
            }
        }
    }
}
