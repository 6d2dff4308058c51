//! Distinguishes public internet addresses from all others, which may be in a private network or on this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 networks without public hosts: those of IANA's registry of special-purpose addresses, and one more.
const SPECIAL_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Shared by a carrier and its customers; one cloud's metadata service is here too.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local, and the metadata service of most clouds.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    // Relays into 6to4.
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // A public address by its number, but within Azure the machine's own host.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Special networks within `2000::/3`. No IPv6 address outside of it is public.
const PRIVATE_V6: [(Ipv6Addr, u32); 4] = [
    // Protocol assignments: Teredo, benchmarks, ORCHID.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, which leads to any IPv4 address.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// NAT64: the last 32 bits are an IPv4 address, which a network without IPv4 reaches in no other way.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Whether the address may be a public host's.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) if is_in_v6(address, NAT64) => {
            let [.., a, b, c, d] = address.octets();
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // This excludes all addresses that map or embed an IPv4 address; a host with an IPv4 address has an A record.
        IpAddr::V6(address) => {
            is_in_v6(address, GLOBAL_V6) && !PRIVATE_V6.into_iter().any(|network| is_in_v6(address, network))
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_in = |(network, bits): (Ipv4Addr, u32)| (address.to_bits() ^ network.to_bits()) >> (32 - bits) == 0;
    !SPECIAL_V4.into_iter().any(is_in)
}

fn is_in_v6(address: Ipv6Addr, (network, bits): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (128 - bits) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "168.63.129.17",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "2001:200::1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn no_other_address_is() {
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "168.63.129.16",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for private in [
            "::",
            "::1",
            // IPv4-compatible, mapped and translated forms of private and public addresses.
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:1.1.1.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:7f00:1::",
            "2002:101:101::",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }
    /// IANA's special-purpose, multicast and formerly special networks, in the notation of its registries.
    const SPECIAL: &str = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 \
        192.0.0.0/29 192.0.0.8/32 192.0.0.9/32 192.0.0.170/31 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 \
        198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 255.255.255.255/32 \
        ::/128 ::1/128 ::/96 ::ffff:0:0/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:2::/48 \
        2001:3::/32 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7 \
        fe80::/10 fec0::/10 ff00::/8";

    /// The address in `network` with these host bits.
    fn within(network: &str, host: u128) -> IpAddr {
        let (address, bits) = network.split_once('/').unwrap();
        let mask = |width: u32| u128::MAX.checked_shr(128 - width + bits.parse::<u32>().unwrap()).unwrap_or(0);
        match address.parse().unwrap() {
            IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() | (host & mask(32)) as u32).into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() | host & mask(128)).into(),
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_of_a_special_network_is_public(host: u128) {
            for network in SPECIAL.split_whitespace() {
                for host in [0, host, u128::MAX] {
                    let address = within(network, host);
                    assert!(!is_public(address), "{address} of {network}");
                }
            }
        }

        #[test]
        fn an_address_within_another_is_no_way_around(bits: u32, subnet: u16, interface: u64) {
            let bits = u128::from(bits);
            let translated = Ipv6Addr::from_bits(NAT64.0.to_bits() | bits);
            assert_eq!(is_public(translated.into()), is_public_v4(Ipv4Addr::from_bits(bits as u32)), "{translated}");
            let (six_to_four, site) = (0x2002 << 112 | bits << 80, u128::from(subnet) << 64 | u128::from(interface));
            for embedded in [bits, 0xffff << 32 | bits, 0xffff << 48 | bits, six_to_four | site, 0x2001 << 112 | bits] {
                assert!(!is_public(Ipv6Addr::from_bits(embedded).into()), "{}", Ipv6Addr::from_bits(embedded));
            }
        }
    }
}
