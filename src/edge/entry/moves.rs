//! What a desk has for moving places to other devices: the keys of offers, how many a network may make, and how often it may
//! guess.
//!
//! Guarantees: letters of offers cannot be guessed. They have 40 bits, a room has at most 4,096 open offers, and a network may be
//! wrong 20 times an hour, at all edges of a fleet together: the store counts. So who asks from 10,000 networks, 200,000 times an
//! hour, finds an offer once in 2⁴⁰ ÷ (4,096 × 200,000) ≈ 1,300 hours. What is found is a number: the place moves only when its own
//! device says that it is the number of the other one.

use std::time::Duration;

use fairgate_entry::binding::OfferKeys;
use fairgate_entry::heat::NetworkTag;
use fairgate_store::Guesser;
use moka::sync::Cache;

use super::mailer::take;

const HOUR: Duration = Duration::from_secs(3600);
const NETWORKS_MAX: u64 = 100_000;
/// Offers of a network in an hour: many fans share one.
const OFFERS_AN_HOUR: u8 = 200;
/// Letters of a network in an hour that are nobody's.
const WRONG_AN_HOUR: u32 = 20;

/// Keys and limits.
pub(crate) struct Moves {
    /// What names and seals offers.
    pub(crate) keys: OfferKeys,
    offers: Cache<(NetworkTag, u64), u8>,
}

impl Moves {
    pub(super) fn new(keys: OfferKeys) -> Self {
        Self { keys, offers: Cache::builder().max_capacity(NETWORKS_MAX).time_to_live(HOUR).build() }
    }

    /// Takes one of a network's offers; false where it has had as many as it may.
    pub(crate) fn may_offer(&self, network: NetworkTag, now_ms: u64) -> bool {
        take(&self.offers, (network, hour(now_ms)), OFFERS_AN_HOUR)
    }
}

/// Whoever types letters, as the store counts them.
pub(crate) fn guesser(network: NetworkTag) -> Guesser {
    Guesser { network: network.0, wrong_max: WRONG_AN_HOUR, counted_ms: 1000 * HOUR.as_secs() }
}

/// When a network may make offers again, ms.
pub(crate) fn next_hour_ms(now_ms: u64) -> u64 {
    let hour_ms = 1000 * HOUR.as_secs();
    hour_ms - now_ms % hour_ms
}

fn hour(now_ms: u64) -> u64 {
    now_ms / (1000 * HOUR.as_secs())
}

#[cfg(test)]
mod tests {
    use fairgate_entry::keys::Key;

    use super::*;

    #[test]
    fn a_network_makes_so_many_offers_an_hour_and_others_are_not_held_to_it() {
        let moves = Moves::new(OfferKeys::new(&Key::from_bytes([7; 32])));
        let (farm, home) = (NetworkTag([1; 8]), NetworkTag([2; 8]));
        assert!((0..OFFERS_AN_HOUR).all(|_| moves.may_offer(farm, 1)) && !moves.may_offer(farm, 1));
        assert!(moves.may_offer(home, 1) && moves.may_offer(farm, 3_600_000), "the next hour");
        assert_eq!((next_hour_ms(0), next_hour_ms(3_599_999)), (3_600_000, 1));
    }
}
