//! The networks for which an address counts.

use std::net::IpAddr;

/// A network, and how many times as much as the narrowest one it may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// A number that no other network has.
    pub key: u128,
    /// How many times as much.
    pub factor: u32,
}

/// A /48 may have so many times as much as a /64.
const OF_48: u32 = 16;
/// A /32, which is a whole provider, so many times.
const OF_32: u32 = 32;

/// The networks of an address, the narrowest first. An IPv4 address is one by itself. An IPv6 customer has a /64 at
/// least and often a /48, and whoever rents a /32 has 65,536 of those, so all three count.
#[inline]
#[must_use]
pub fn networks(address: IpAddr) -> impl DoubleEndedIterator<Item = Network> + Clone {
    let of = |key, factor| Some(Network { key, factor });
    let networks = match address.to_canonical() {
        IpAddr::V4(address) => [of(u128::from(u32::from(address)) | 1 << 120, 1), None, None],
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            [of(bits >> 64, 1), of(bits >> 80 | 1 << 121, OF_48), of(bits >> 96 | 1 << 122, OF_32)]
        }
    };
    networks.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Vec<u128> {
        networks(address.parse().unwrap()).map(|network| network.key).collect()
    }

    #[test]
    fn ipv6_counts_by_its_prefixes_and_ipv4_by_itself() {
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1")[0], of("2001:db8:1:3::1")[0]);
        assert_eq!(of("2001:db8:1:2::1")[1..], of("2001:db8:1:3::1")[1..]);
        assert_ne!(of("2001:db8:1::1")[1], of("2001:db8:2::1")[1]);
        assert_eq!(of("2001:db8:1::1")[2], of("2001:db8:2::1")[2]);
        assert_ne!(of("2001:db8::1")[2], of("2001:db9::1")[2]);
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("::c000:201")[0], of("192.0.2.1")[0]);
    }
}
