//! The notation of addresses, networks and host names in the table `[http]`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// `https://bot.example` or `http://127.0.0.1:8080`, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    pub is_https: bool,
    pub host: HostName,
    pub port: Option<u16>,
}

/// A host name or an IP address, in lower case. IPv6 is in brackets, as in a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostName(Box<str>);

/// All IP addresses that begin with the same `bits` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// The text is no valid value of the key in `[http]`. The message says which values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseHttpError {
    #[error("an address of this machine and a port, such as \"127.0.0.1:8080\", or \"off\"")]
    Listen,
    #[error("\"https://\" or \"http://\" and a host, without a path, such as \"https://bot.example\", or \"auto\"")]
    PublicUrl,
    #[error("a host's name without scheme and port, such as \"bot.example\"")]
    HostName,
    #[error("an address such as \"10.0.0.1\", or a network such as \"10.0.0.0/8\"")]
    Network,
}

/// Parses an address and a port; `None` for `off`.
pub(super) fn parse_listen(text: &str) -> Result<Option<SocketAddr>, ParseHttpError> {
    if text == "off" { Ok(None) } else { text.parse().map(Some).map_err(|_| ParseHttpError::Listen) }
}

impl HostName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = ParseHttpError;

    fn from_str(text: &str) -> Result<Self, ParseHttpError> {
        let is_name = !text.is_empty()
            && text.len() <= 253
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let is_ipv6 = inside.is_some_and(|text| text.parse::<Ipv6Addr>().is_ok());
        (is_name || is_ipv6).then(|| HostName(text.to_ascii_lowercase().into())).ok_or(ParseHttpError::HostName)
    }
}

impl From<IpAddr> for HostName {
    fn from(address: IpAddr) -> Self {
        let text = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
        HostName(text.into())
    }
}

impl FromStr for PublicUrl {
    type Err = ParseHttpError;

    fn from_str(text: &str) -> Result<Self, ParseHttpError> {
        let read = || {
            let (scheme, rest) = text.split_once("://")?;
            let is_https = match scheme {
                "https" => true,
                "http" => false,
                _ => return None,
            };
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            // A colon followed by `...]` is inside an IPv6 address, not before a port.
            let (host, port) = match rest.rsplit_once(':') {
                Some((host, port)) if !port.ends_with(']') => {
                    (host, Some(port.parse().ok().filter(|port| *port != 0)?))
                }
                _ => (rest, None),
            };
            Some(PublicUrl { is_https, host: host.parse().ok()?, port })
        };
        read().ok_or(ParseHttpError::PublicUrl)
    }
}

impl std::fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host.as_str())?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs, length) = match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => (ours.to_bits().into(), theirs.to_bits().into(), 32),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits(), 128),
            _ => return false,
        };
        let different: u128 = ours ^ theirs;
        // The shift drops the bits that number the hosts within the network.
        different.checked_shr(length - u32::from(self.bits)).unwrap_or(0) == 0
    }
}

impl FromStr for Network {
    type Err = ParseHttpError;

    fn from_str(text: &str) -> Result<Self, ParseHttpError> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| ParseHttpError::Network)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| ParseHttpError::Network)?;
        if bits > most { Err(ParseHttpError::Network) } else { Ok(Network { address, bits }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_its_first_bits() {
        let contains =
            |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
        assert!(contains("10.0.0.0/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("10.0.0.1", "10.0.0.1") && !contains("10.0.0.1", "10.0.0.2"));
        assert!(contains("0.0.0.0/0", "9.9.9.9") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("2001:db8::/32", "2001:db8:1::1") && !contains("2001:db8::/32", "2001:db9::1"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(contains("127.0.0.1", "::ffff:127.0.0.1"), "an address has one meaning however it is written");
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/-1", "shop.example"] {
            assert_eq!(bad.parse::<Network>(), Err(ParseHttpError::Network), "{bad:?}");
        }
    }

    #[test]
    fn a_public_url_is_a_scheme_and_a_host() {
        for (text, shown) in [
            ("https://bot.example", "https://bot.example"),
            ("https://Bot.Example/", "https://bot.example"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[::1]", "http://[::1]"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().to_string(), shown);
        }
        for bad in
            ["", "bot.example", "ftp://a", "https://", "https://a/b", "https://a:0", "https://me@a", "https://a b"]
        {
            assert_eq!(bad.parse::<PublicUrl>(), Err(ParseHttpError::PublicUrl), "{bad:?}");
        }
    }
}
