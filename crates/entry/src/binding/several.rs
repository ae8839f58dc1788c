//! A session in several networks at once: what tells a pass that several people use from a phone that changes networks.
//!
//! Guarantees:
//! - going to another network, and back, is no sign: it takes three changes within ten seconds
//! - IPv4 and IPv6 are told apart, since a browser may use both by turns
//! - of each session the last four networks are kept, and nothing of an address but its /24 or /64

use std::net::IpAddr;

/// How far apart the changes may lie.
const WITHIN_MS: u64 = 10_000;
/// How many networks in a row are looked at: there, back, there again and back again.
const TURNS: usize = 4;

/// The networks that a session was seen in, of one family each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    v4: Turns,
    v6: Turns,
}

/// The last networks in a row, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Turns(Vec<(u64, u64)>);

impl Networks {
    /// Notes a request; answers whether the session is used in several networks at once.
    pub fn saw(&mut self, address: IpAddr, now_ms: u64) -> bool {
        match address.to_canonical() {
            IpAddr::V4(v4) => self.v4.saw(u64::from(u32::from(v4) >> 8), now_ms),
            IpAddr::V6(v6) => self.v6.saw((u128::from(v6) >> 64) as u64, now_ms),
        }
    }

    /// Begins anew, once somebody has been asked about it.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Turns {
    fn saw(&mut self, network: u64, now_ms: u64) -> bool {
        if let Some((last, at_ms)) = self.0.last_mut()
            && *last == network
        {
            *at_ms = now_ms;
            return false;
        }
        if self.0.len() == TURNS {
            self.0.remove(0);
        }
        self.0.push((network, now_ms));
        let since_ms = self.0.first().map_or(now_ms, |(_, at_ms)| *at_ms);
        self.0.len() == TURNS && now_ms.saturating_sub(since_ms) <= WITHIN_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(steps: &[(&str, u64)]) -> Vec<bool> {
        let mut networks = Networks::default();
        steps.iter().map(|(address, at_ms)| networks.saw(address.parse().expect("an address"), *at_ms)).collect()
    }

    #[test]
    fn three_changes_within_ten_seconds_are_several_at_once() {
        let (home, away) = ("198.51.100.7", "203.0.113.7");
        let by_turns = [(home, 0), (away, 1_000), (home, 2_000), (away, 3_000), (home, 4_000)];
        assert_eq!(seen(&by_turns), [false, false, false, true, true]);
        assert_eq!(seen(&[(home, 0), (home, 1_000), (away, 2_000), (home, 9_000), (home, 9_500)]), [false; 5]);
        let slowly = [(home, 0), (away, 4_000), (home, 8_000), (away, 12_000), (home, 16_000)];
        assert_eq!(seen(&slowly), [false; 5], "a phone at the edge of two networks");
        let four = [(home, 0), (away, 1), ("192.0.2.1", 2), ("198.18.0.1", 3)];
        assert_eq!(seen(&four), [false, false, false, true]);
    }

    #[test]
    fn a_network_is_a_24_or_a_64_and_the_families_are_apart() {
        let near = [("198.51.100.7", 0), ("198.51.100.8", 1), ("198.51.100.7", 2), ("::ffff:198.51.100.9", 3)];
        assert_eq!(seen(&near), [false; 4]);
        let both = [("198.51.100.7", 0), ("2001:db8::1", 1), ("198.51.100.7", 2), ("2001:db8::2", 3)];
        assert_eq!(seen(&both), [false; 4]);
        let (a, b) = ("2001:db8:0:1::1", "2001:db8:0:2::1");
        assert_eq!(seen(&[(a, 0), (b, 1), (a, 2), (b, 3)]), [false, false, false, true]);
    }

    #[test]
    fn whoever_was_asked_begins_anew() {
        let mut networks = Networks::default();
        for (at, address) in ["198.51.100.7", "203.0.113.7", "198.51.100.7"].iter().enumerate() {
            assert!(!networks.saw(address.parse().expect("an address"), at as u64));
        }
        networks.forget();
        assert!(!networks.saw("203.0.113.7".parse().expect("an address"), 4));
    }
}
