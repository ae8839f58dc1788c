//! What a desk has for moving places to other devices: the keys of offers, and how many a network may make and guess.
//!
//! Guarantees: letters of offers cannot be guessed. They have 40 bits, a room has at most 4,096 open offers, and a network may be
//! wrong 20 times an hour at an edge. So who asks from 10,000 networks, 200,000 times an hour, finds an offer once in
//! 2⁴⁰ ÷ (4,096 × 200,000) ≈ 1,300 hours. What is found is a number: the place moves only when its own device says that it is the
//! number of the other one.

use std::time::Duration;

use fairgate_entry::binding::OfferKeys;
use fairgate_entry::heat::NetworkTag;
use moka::sync::Cache;

use super::mailer::take;

const HOUR: Duration = Duration::from_secs(3600);
const NETWORKS_MAX: u64 = 100_000;
/// Offers of a network in an hour: many fans share one.
const OFFERS_AN_HOUR: u8 = 200;
/// Letters of a network in an hour that are nobody's.
const WRONG_AN_HOUR: u8 = 20;

/// Keys and limits.
pub(crate) struct Moves {
    /// What names and seals offers.
    pub(crate) keys: OfferKeys,
    offers: Cache<(NetworkTag, u64), u8>,
    wrong: Cache<(NetworkTag, u64), u8>,
}

impl Moves {
    pub(super) fn new(keys: OfferKeys) -> Self {
        let counts = || Cache::builder().max_capacity(NETWORKS_MAX).time_to_live(HOUR).build();
        Self { keys, offers: counts(), wrong: counts() }
    }

    /// Takes one of a network's offers; false where it has had as many as it may.
    pub(crate) fn may_offer(&self, network: NetworkTag, now_ms: u64) -> bool {
        take(&self.offers, (network, hour(now_ms)), OFFERS_AN_HOUR)
    }

    /// True if a network may try letters.
    pub(crate) fn may_guess(&self, network: NetworkTag, now_ms: u64) -> bool {
        self.wrong.get(&(network, hour(now_ms))).is_none_or(|wrong| wrong < WRONG_AN_HOUR)
    }

    /// Letters of a network were nobody's.
    pub(crate) fn note_wrong(&self, network: NetworkTag, now_ms: u64) {
        take(&self.wrong, (network, hour(now_ms)), WRONG_AN_HOUR);
    }
}

/// When a network may try again, ms.
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
    fn a_network_is_wrong_a_few_times_an_hour_and_others_are_not_held_to_it() {
        let moves = Moves::new(OfferKeys::new(&Key::from_bytes([7; 32])));
        let (farm, home) = (NetworkTag([1; 8]), NetworkTag([2; 8]));
        for _ in 0..WRONG_AN_HOUR {
            assert!(moves.may_guess(farm, 1));
            moves.note_wrong(farm, 1);
        }
        assert!(!moves.may_guess(farm, 1) && moves.may_guess(home, 1));
        assert!(moves.may_guess(farm, 3_600_000), "the next hour");
        assert_eq!((next_hour_ms(0), next_hour_ms(3_599_999)), (3_600_000, 1));
        assert!((0..OFFERS_AN_HOUR).all(|_| moves.may_offer(farm, 1)) && !moves.may_offer(farm, 1));
    }
}
