//! A network's tag: eight bytes that stand for a prefix in one draw.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::keys::{Key, first};

/// How much of an address counts as one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scale {
    /// One household or phone: /32 and /64.
    Address,
    /// One neighbourhood of addresses: /24 and /48.
    Block,
    /// Several blocks that a table says are one network; the length comes with the table.
    Named {
        /// Bits of the prefix.
        bits: u8,
    },
}

/// A prefix of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The address with all bits after the prefix zero.
    address: IpAddr,
    bits: u8,
}

impl Prefix {
    /// The prefix of an address. An IPv4 address within IPv6 (`::ffff:0:0/96`) is the IPv4 address.
    #[must_use]
    pub fn of(address: IpAddr, scale: Scale) -> Self {
        let address = address.to_canonical();
        let bits = match (scale, address) {
            (Scale::Address, IpAddr::V4(_)) => 32,
            (Scale::Address, IpAddr::V6(_)) => 64,
            (Scale::Block, IpAddr::V4(_)) => 24,
            (Scale::Block, IpAddr::V6(_)) => 48,
            (Scale::Named { bits }, IpAddr::V4(_)) => bits.min(32),
            (Scale::Named { bits }, IpAddr::V6(_)) => bits.min(128),
        };
        let kept = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                IpAddr::V4((u32::from(v4) & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                IpAddr::V6((u128::from(v6) & mask).into())
            }
        };
        Self { address: kept, bits }
    }

    /// True if the prefix begins with this address.
    pub(super) fn is_address(&self, address: IpAddr) -> bool {
        self.address == address.to_canonical()
    }

    /// Family, length and bytes: no two prefixes alike.
    fn bytes(&self) -> Vec<u8> {
        match self.address {
            IpAddr::V4(v4) => [&[4, self.bits][..], &v4.octets()].concat(),
            IpAddr::V6(v6) => [&[6, self.bits][..], &v6.octets()].concat(),
        }
    }
}

/// What stands for a network in one draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NetworkTag(pub [u8; 8]);

impl NetworkTag {
    /// `HMAC-SHA256(k_net, DST("fairgate/v2/network") ‖ D ‖ prefix)[0..8]`, with a last bit that says whether it stands for
    /// one address's network (0) or for more than that (1). No place in a sketch depends on that bit.
    ///
    /// `key` is that of [`Purpose::Networks`](crate::keys::Purpose::Networks).
    #[must_use]
    pub fn of(key: &Key, draw: &[u8; 32], prefix: &Prefix) -> Self {
        let is_address = *prefix == Prefix::of(prefix.address, Scale::Address);
        Self(first(&key.mac("fairgate/v2/network", &[draw, &prefix.bytes()]))).with_last_bit(!is_address)
    }

    /// What stands for something else than a network, such as a mail domain:
    /// `HMAC-SHA256(k_net, DST("fairgate/v2/network-other") ‖ D ‖ kind ‖ 0x00 ‖ name)[0..8]`, with the last bit 1.
    #[must_use]
    pub fn of_name(key: &Key, draw: &[u8; 32], kind: &str, name: &str) -> Self {
        let of_name = first(&key.mac("fairgate/v2/network-other", &[draw, kind.as_bytes(), &[0], name.as_bytes()]));
        Self(of_name).with_last_bit(true)
    }

    fn with_last_bit(mut self, bit: bool) -> Self {
        self.0[7] = self.0[7] & !1 | u8::from(bit);
        self
    }

    /// True if it stands for one address's network, and not for a block, a named network or a mail domain.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.0[7] & 1 == 0
    }

    /// As a ticket has it: 16 hex digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads what [`Self::to_hex`] writes.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 8];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{draw, key};

    fn prefix(address: &str, scale: Scale) -> Prefix {
        Prefix::of(address.parse().expect("an address"), scale)
    }

    #[test]
    fn addresses_of_one_network_are_one_prefix() {
        let same = |a: &str, b: &str, scale| prefix(a, scale) == prefix(b, scale);
        assert!(!same("192.0.2.1", "192.0.2.2", Scale::Address));
        assert!(same("192.0.2.1", "192.0.2.255", Scale::Block));
        assert!(!same("192.0.2.1", "192.0.3.1", Scale::Block));
        assert!(same("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", Scale::Address));
        assert!(!same("2001:db8:0:1::1", "2001:db8:0:2::1", Scale::Address));
        assert!(same("2001:db8:0:1::1", "2001:db8:0:ffff::1", Scale::Block));
        assert!(!same("2001:db8:0:1::1", "2001:db8:1:1::1", Scale::Block));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1", Scale::Address), "the same client, seen by two sockets");
        assert!(same("192.0.2.1", "10.0.0.1", Scale::Named { bits: 0 }));
        assert!(same("2001:db8::1", "fe80::1", Scale::Named { bits: 0 }));
        assert!(!same("192.0.2.1", "192.0.2.2", Scale::Named { bits: 200 }));
        assert!(same("192.0.2.1", "192.0.99.1", Scale::Named { bits: 16 }));
    }

    #[test]
    fn a_tag_is_of_its_draw_and_its_length() {
        let tag = |draw: &[u8; 32], prefix| NetworkTag::of(&key(1), draw, &prefix);
        let block = prefix("192.0.2.0", Scale::Block);
        assert_eq!(tag(&draw(), block), tag(&draw(), prefix("192.0.2.77", Scale::Block)));
        assert_ne!(tag(&draw(), block), tag(&[0; 32], block));
        assert_ne!(tag(&draw(), block), tag(&draw(), prefix("192.0.2.0", Scale::Address)));
        assert!(!tag(&draw(), block).is_address() && tag(&draw(), prefix("192.0.2.0", Scale::Address)).is_address());
        assert!(tag(&draw(), prefix("2001:db8::1", Scale::Address)).is_address());
        let named = |draw: &[u8; 32], kind, name| NetworkTag::of_name(&key(1), draw, kind, name);
        assert!(!named(&draw(), "domain", "a.example").is_address());
        assert_ne!(named(&draw(), "domain", "a.example"), named(&draw(), "domain", "b.example"));
        assert_ne!(named(&draw(), "domain", "a.example"), named(&[0; 32], "domain", "a.example"));
        assert_ne!(named(&draw(), "domain", "a.example"), named(&draw(), "domai", "na.example"));
        assert_ne!(
            tag(&draw(), prefix("::", Scale::Named { bits: 0 })),
            tag(&draw(), prefix("0.0.0.0", Scale::Named { bits: 0 }))
        );
    }
}
