//! The address that a request comes from, and the host that it is meant for.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::Request;
use axum::http::{HeaderMap, Uri, Version, header};

use crate::config::HttpConfig;
use crate::config::address::{HostName, Network};

const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Headers that proxies, load balancers and content delivery networks add to forwarded requests.
const FORWARDED: [&str; 9] = [
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "true-client-ip",
    "client-ip",
    "cdn-loop",
    "fastly-client-ip",
];
const FORWARDED_PREFIXES: [&str; 4] = ["forwarded", "x-forwarded-", "x-original-", "cf-"];

/// The remote address of the connection. The server adds it to the extensions of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// A caller without a key: an IPv4 address, or a 64-bit IPv6 network, in which one caller may have any number of
/// addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::http) struct AddressGroup(IpAddr);

impl From<IpAddr> for AddressGroup {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                AddressGroup(Ipv6Addr::from_bits(network).into())
            }
            address => AddressGroup(address),
        }
    }
}

/// The caller's address. This is the peer's address, unless the peer is a trusted proxy. Then it is the last address in
/// X-Forwarded-For that is not a trusted proxy's. Addresses further left may be forged by the caller.
pub(in crate::http) fn find_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = peer.to_canonical();
    let values = headers.get_all("x-forwarded-for");
    let mut forwarded = values.iter().rev().flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
    while is_trusted(address) {
        // Without a readable entry the caller is unknown, so all callers of this proxy count as the proxy.
        let Some(before) = forwarded.next().and_then(|text| parse_forwarded(text.trim())) else { break };
        address = before.to_canonical();
    }
    address
}

/// Whether a request certainly comes from an address of `[http] metrics_from`. A forwarded request comes from the
/// caller that the proxy names. If the proxy is not trusted, or names no caller, the origin is uncertain.
pub(in crate::http) fn is_known(peer: IpAddr, request: &Request, config: &HttpConfig) -> bool {
    let contain = |networks: &[Network], address| networks.iter().any(|network| network.contains(address));
    let trusted = &config.trusted_proxies;
    let address = find_address(peer, request.headers(), trusted);
    let is_certain = !contain(trusted, address) && (is_direct(peer, request, config) || contain(trusted, peer));
    is_certain && contain(&config.metrics_from, address)
}

/// Whether the request shows no sign of a proxy between the caller and this host. nginx with only `proxy_pass` sends a
/// request that differs from a local one in its version alone: HTTP/1.0, which no scraper uses.
fn is_direct(peer: IpAddr, request: &Request, config: &HttpConfig) -> bool {
    let names_proxy = request.headers().keys().any(|name| {
        FORWARDED.contains(&name.as_str()) || FORWARDED_PREFIXES.iter().any(|start| name.as_str().starts_with(start))
    });
    let is_meant_for_here = find_host(request.uri(), request.headers()).is_some_and(|host| {
        let is_here = THIS_MACHINE.contains(&host.as_str())
            || config.listen.is_some_and(|listen| HostName::from(listen.ip()) == host);
        // A scraper on the same network may use another name of this host, but not the public one.
        let is_public = config.public_url.as_ref().is_some_and(|url| url.host == host);
        is_here || !is_public && !peer.to_canonical().is_loopback()
    });
    request.version() >= Version::HTTP_11 && !names_proxy && is_meant_for_here
}

/// Whether a proxy of ours seems to be missing in `trusted_proxies`: X-Forwarded-For comes from a private or loopback
/// address, which strangers do not have. All callers of such a proxy share one rate, and its address in the audit.
pub(in crate::http) fn is_unknown_proxy(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> bool {
    let is_near = match peer.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    };
    is_near && headers.contains_key("x-forwarded-for") && !trusted.iter().any(|network| network.contains(peer))
}

/// Parses an entry of X-Forwarded-For. Some proxies add the port.
fn parse_forwarded(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// The host names that this server accepts. In an attack by DNS rebinding, a browser sends the attacker's host name;
/// refusing that name keeps foreign pages from an API on this machine.
pub(in crate::http) struct Hosts(Vec<HostName>);

impl Hosts {
    pub(in crate::http) fn new(config: &HttpConfig) -> Hosts {
        let mut hosts = config.hosts.clone();
        hosts.extend(config.public_url.as_ref().map(|url| url.host.clone()));
        hosts.extend(config.listen.map(|listen| listen.ip().into()));
        hosts.extend(THIS_MACHINE.iter().filter_map(|name| name.parse().ok()));
        Hosts(hosts)
    }

    pub(in crate::http) fn contain(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        find_host(uri, headers).is_some_and(|host| self.0.contains(&host))
    }
}

/// The host that a request is meant for, by its URI, else by its Host header.
fn find_host(uri: &Uri, headers: &HeaderMap) -> Option<HostName> {
    // A proxy may read two Host headers differently than this server, so they are refused.
    let mut values = headers.get_all(header::HOST).iter();
    match (uri.host(), values.next(), values.next()) {
        (_, _, Some(_)) => None,
        (Some(host), ..) => host.parse::<HostName>().ok(),
        (None, Some(value), None) => value.to_str().ok().and_then(parse_host),
        (None, None, None) => None,
    }
}

/// `bot.example:8080` -> `bot.example`
fn parse_host(text: &str) -> Option<HostName> {
    let host = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => port.bytes().all(|byte| byte.is_ascii_digit()).then_some(host)?,
        _ => text,
    };
    host.parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn find(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        find_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxys_word_counts() {
        assert_eq!(find("9.9.9.9", &["1.1.1.1"], &[]), "9.9.9.9");
        assert_eq!(find("9.9.9.9", &["1.1.1.1"], &["10.0.0.0/8"]), "9.9.9.9");
        assert_eq!(find("10.0.0.1", &["1.1.1.1"], &["10.0.0.0/8"]), "1.1.1.1");
        assert_eq!(find("::ffff:10.0.0.1", &["1.1.1.1"], &["10.0.0.0/8"]), "1.1.1.1");
    }

    #[test]
    fn what_the_caller_wrote_itself_does_not_count() {
        assert_eq!(find("10.0.0.1", &["6.6.6.6, 1.1.1.1"], &["10.0.0.0/8"]), "1.1.1.1");
        assert_eq!(find("10.0.0.1", &["6.6.6.6", "1.1.1.1, 10.0.0.2"], &["10.0.0.0/8"]), "1.1.1.1");
        assert_eq!(find("10.0.0.1", &["10.0.0.3,10.0.0.2"], &["10.0.0.0/8"]), "10.0.0.3");
    }

    #[test]
    fn nonsense_of_a_proxy_leaves_its_own_address() {
        assert_eq!(find("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(find("10.0.0.1", &["1.1.1.1, unknown"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(find("10.0.0.1", &["1.1.1.1:123"], &["10.0.0.0/8"]), "1.1.1.1");
        assert_eq!(find("10.0.0.1", &["[2001:db8::1]:123"], &["10.0.0.0/8"]), "2001:db8::1");
    }

    #[test]
    fn one_ipv6_network_is_one_caller() {
        let group = |text: &str| AddressGroup::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(group("2001:db8::1"), group("2001:db8::ffff:1"));
        assert_ne!(group("2001:db8::1"), group("2001:db8:0:1::1"));
        assert_eq!(group("1.2.3.4"), group("::ffff:1.2.3.4"));
        assert_ne!(group("1.2.3.4"), group("1.2.3.5"));
    }

    #[test]
    fn a_proxy_that_nobody_named_is_noticed() {
        let is_unknown = |peer: &str, name: &'static str| {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static("1.1.1.1"))]);
            is_unknown_proxy(peer.parse().unwrap(), &headers, &["10.0.0.1".parse().unwrap()])
        };
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.2", "172.17.0.1", "fd00::1"] {
            assert!(is_unknown(peer, "x-forwarded-for"), "{peer}");
        }
        assert!(!is_unknown("10.0.0.1", "x-forwarded-for") && !is_unknown("127.0.0.1", "accept"));
        assert!(!is_unknown("9.9.9.9", "x-forwarded-for"), "a stranger's word");
    }

    #[test]
    fn only_our_own_names_are_meant_for_us() {
        let public_url = "https://bot.example".parse().ok();
        let hosts = Hosts::new(&HttpConfig { public_url, ..HttpConfig::default() });
        let contain = |uri: &str, values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::HOST, HeaderValue::from_str(value).unwrap());
            }
            hosts.contain(&uri.parse().unwrap(), &headers)
        };
        for host in ["bot.example", "BOT.example:443", "localhost:8080", "127.0.0.1", "[::1]:9", "[::1]"] {
            assert!(contain("/", &[host]), "{host}");
        }
        for host in ["evil.example", "bot.example.evil", "bot.example:a", "me@bot.example", "", "127.0.0.2"] {
            assert!(!contain("/", &[host]), "{host}");
        }
        assert!(!contain("/", &[]) && !contain("/", &["localhost", "localhost"]));
        assert!(contain("http://localhost/", &[]) && !contain("http://evil.example/", &["localhost"]));
    }
}
