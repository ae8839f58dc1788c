//! The rounds of public randomness that a draw may wait for: R, R+r, R+2r, …
//!
//! A freeze that comes late, for whatever reason, leaves nobody a choice: the draw's round is the first of them whose time
//! is far enough after the freeze, and nothing takes its place.

use crate::beacon::{BeaconError, Chain};
use crate::descriptor::BeaconRound;
use crate::hash::Hash;

/// From the freeze to the draw's round, at least.
pub const FREEZE_MARGIN_MS: u64 = 5_000;
/// The most rounds from one try to the next.
pub const RETRY_MAX: u32 = 1 << 20;

/// Rounds of a drand chain, as a descriptor names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rounds {
    /// The chain's hash.
    pub chain: Hash,
    /// The chain's public key, a compressed point of G2.
    pub public_key: [u8; 96],
    /// r: 1 to [`RETRY_MAX`], in rounds.
    pub retry: u32,
    /// R, the first round.
    pub round: u64,
}

impl Rounds {
    /// Rounds of a known chain.
    #[must_use]
    pub fn of(chain: &Chain, round: u64, retry: u32) -> Self {
        Self { chain: chain.hash, public_key: chain.public_key, retry, round }
    }

    /// The round of a draw that was frozen at this time (Unix ms): the first whose time is at least
    /// [`FREEZE_MARGIN_MS`] later.
    ///
    /// # Errors
    /// Where the chain is not pinned here, so that nobody knows its times.
    pub fn after_freeze(&self, frozen_at_ms: u64) -> Result<BeaconRound, BeaconError> {
        let first =
            BeaconRound { chain: self.chain, fallback_after_ms: None, public_key: self.public_key, round: self.round };
        let earliest = first.known_chain()?.round_at(frozen_at_ms.saturating_add(FREEZE_MARGIN_MS));
        let retry = u64::from(self.retry.max(1));
        let tries = earliest.saturating_sub(self.round).div_ceil(retry);
        Ok(BeaconRound { round: self.round.saturating_add(tries.saturating_mul(retry)), ..first })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::beacon::QUICKNET;

    #[test]
    fn a_late_freeze_takes_the_next_round_of_the_row() {
        let rounds = Rounds::of(&QUICKNET, 990, 10);
        let round = |frozen_at_ms| rounds.after_freeze(frozen_at_ms).unwrap().round;
        let time_ms = QUICKNET.time_ms(990);
        assert_eq!((round(0), round(time_ms - 5_000), round(time_ms - 4_999)), (990, 990, 1000));
        assert_eq!((round(time_ms), round(1_692_806_350_200), round(QUICKNET.time_ms(1000))), (1000, 1000, 1010));
        let own = Rounds { public_key: [1; 96], ..rounds };
        assert_eq!(own.after_freeze(0), Err(BeaconError::UnknownChain));
    }

    proptest! {
        #[test]
        fn the_round_is_the_first_that_is_late_enough(
            round in 1_u64..1 << 40, retry in 1_u32..=RETRY_MAX, frozen_at_ms in 0_u64..1 << 52,
        ) {
            let chosen = Rounds::of(&QUICKNET, round, retry).after_freeze(frozen_at_ms).unwrap().round;
            let is_late = |round: u64| QUICKNET.time_ms(round) >= frozen_at_ms + FREEZE_MARGIN_MS;
            prop_assert!(is_late(chosen));
            prop_assert_eq!((chosen - round) % u64::from(retry), 0);
            prop_assert!(chosen == round || !is_late(chosen - u64::from(retry)));
        }
    }
}
