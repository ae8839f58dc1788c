//! Which networks an address counts for.

use std::net::IpAddr;

/// An IPv4 address is a network by itself; an IPv6 customer has a /64 at least and often a /48, so both count, and the
/// /48 may ask sixteen times as much.
#[must_use]
pub fn networks(address: IpAddr) -> (u128, Option<u128>) {
    match address.to_canonical() {
        IpAddr::V4(address) => (u128::from(u32::from(address)) | 1 << 120, None),
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            (bits >> 64, Some(bits >> 80 | 1 << 121))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> (u128, Option<u128>) {
        networks(address.parse().unwrap())
    }

    #[test]
    fn ipv6_counts_by_its_prefixes_and_ipv4_by_itself() {
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1").0, of("2001:db8:1:3::1").0);
        assert_eq!(of("2001:db8:1:2::1").1, of("2001:db8:1:3::1").1);
        assert_ne!(of("2001:db8:1::1").1, of("2001:db8:2::1").1);
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("::c000:201").0, of("192.0.2.1").0);
    }
}
