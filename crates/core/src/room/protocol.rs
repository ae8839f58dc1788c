//! The draw protocol's two versions, as a room uses them: `fairgate/v1`, and `fairgate/v2` where a plan has rules.

use fairgate_draw::v2::{self, FrozenTier, Rounds};
use fairgate_draw::{BeaconRound, Descriptor, Hash, Label, QUICKNET, commitment};

use super::draw::Frozen;
use super::{Rules, SalePlan};

/// What a plan commits to in public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The descriptor, RFC 8785 canonical JSON.
    pub text: String,
    /// `D`, its digest.
    pub digest: Hash,
    /// The commitment to the secret.
    pub commitment: Hash,
}

impl SalePlan {
    /// What the plan commits to in public.
    #[must_use]
    pub fn descriptor(&self) -> Committed {
        match &self.rules {
            None => self.v1(),
            Some(rules) => self.v2(rules),
        }
    }

    fn v1(&self) -> Committed {
        let round = |plan: &super::BeaconPlan| BeaconRound {
            fallback_after_ms: plan.fallback_after_ms,
            ..QUICKNET.round(plan.round)
        };
        let descriptor = Descriptor {
            beacon: self.beacon.as_ref().map(round),
            commitment: commitment(&self.secret),
            opens_at_ms: self.opens_at_ms,
            room: self.room.clone(),
            starts_at_ms: self.starts_at_ms,
        };
        let (text, digest) = (descriptor.canonical_json(), descriptor.digest());
        Committed { text, digest, commitment: descriptor.commitment }
    }

    fn v2(&self, rules: &Rules) -> Committed {
        let beacon = self.beacon.as_ref().zip(rules.retry);
        let descriptor = v2::Descriptor {
            beacon: beacon.map(|(plan, retry)| Rounds::of(&QUICKNET, plan.round, retry)),
            commitment: commitment(&self.secret),
            identity: rules.identity.clone(),
            opens_at_ms: self.opens_at_ms,
            room: self.room.clone(),
            starts_at_ms: self.starts_at_ms,
            tiers: rules.tiers.clone(),
        };
        let (text, digest) = (descriptor.canonical_json(), descriptor.digest());
        Committed { text, digest, commitment: descriptor.commitment }
    }
}

/// The round that a draw waits for, by its descriptor and the time of its freeze. A draw of `fairgate/v2` may name several:
/// before the freeze it is the first of them.
#[must_use]
pub fn round(descriptor: &str, frozen_at_ms: Option<u64>) -> Option<BeaconRound> {
    match Descriptor::parse(descriptor) {
        Ok(descriptor) => descriptor.beacon,
        Err(_) => v2::Descriptor::parse(descriptor).ok()?.beacon?.after_freeze(frozen_at_ms.unwrap_or(0)).ok(),
    }
}

/// What a draw can prove, by its descriptor.
pub(super) fn label(descriptor: &str) -> Label {
    match Descriptor::parse(descriptor) {
        Ok(descriptor) => descriptor.label(),
        Err(_) => v2::Descriptor::parse(descriptor).map_or(Label::Committed, |descriptor| descriptor.label()),
    }
}

/// The seed of a draw with this descriptor digest. `tiers` are those of a room that has any.
#[must_use]
pub fn seed(digest: &Hash, frozen: &Frozen, tiers: Option<&[FrozenTier]>, secret: &Hash, randomness: &Hash) -> Hash {
    match tiers {
        None => fairgate_draw::seed(digest, frozen.entries, &frozen.root, secret, randomness),
        Some(tiers) => v2::seed(digest, tiers, secret, randomness),
    }
}
