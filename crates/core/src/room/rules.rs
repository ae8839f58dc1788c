//! What a plan says of its draw beyond times: tiers, and which identities count. A plan that says so is drawn by
//! `fairgate/v2`, every other one by `fairgate/v1`.

use fairgate_draw::v2::{Methods, RETRY_MAX, TIERS_MAX, Tiers};
use serde::{Deserialize, Serialize};

use super::identities::{INDEX_END, LINE};
use super::{BeaconPlan, Refusal};

/// The rules of a draw with tiers or identities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// The methods, one of which every entrant must show an identity by. Empty where no identity is asked for.
    pub identity: Methods,
    /// The tiers, in order of their indexes: 1 to 16, or to 15 where an identity is asked for.
    pub tiers: Tiers,
    /// With a beacon: how many rounds later the draw waits for another one, where the freeze came too late for this one.
    pub retry: Option<u32>,
    /// How many fans are expected, which settles how the index of identities is laid out in a shared store. It is no part
    /// of the descriptor.
    pub expected: u64,
}

impl Rules {
    /// Whether entrants show an identity.
    #[must_use]
    pub fn asks_identity(&self) -> bool {
        !self.identity.is_empty()
    }

    /// The most tiers of a room that asks for an identity, and of another one.
    #[must_use]
    pub fn tiers_max(asks_identity: bool) -> usize {
        if asks_identity { usize::from(LINE) } else { TIERS_MAX }
    }

    /// Whether a room could draw by these rules, with this beacon.
    pub(super) fn check(&self, beacon: Option<&BeaconPlan>) -> Result<(), Refusal> {
        let has_fallback = beacon.is_some_and(|beacon| beacon.fallback_after_ms.is_some());
        let is_retry = |retry: u32| (1..=RETRY_MAX).contains(&retry);
        let faults = [
            (
                self.tiers.len() > Self::tiers_max(self.asks_identity()),
                "a room that asks for an identity has at most 15 tiers",
            ),
            (self.expected >= INDEX_END, "no more than 268,435,455 fans can be expected"),
            (has_fallback, "a draw with tiers has no fallback_after_ms: it waits for its round"),
            (self.retry.is_some() != beacon.is_some(), "a draw with tiers has a retry exactly where it has a beacon"),
            (!self.retry.is_none_or(is_retry), "retry must be from 1 to 1048576 rounds"),
        ];
        match faults.iter().find(|(is_fault, _)| *is_fault) {
            Some((_, what)) => Err(Refusal::Invalid((*what).to_owned())),
            None => Ok(()),
        }
    }
}
