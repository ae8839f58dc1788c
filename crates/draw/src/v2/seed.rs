//! The seed of a draw, and of each tier.

use crate::hash::{Hash, tagged};
use crate::log::FrozenTier;

/// `H(DST("fairgate/v2/seed") ‖ D ‖ u64be(T) ‖ [u64be(N_t) ‖ root_t ‖ tags_root_t for each tier] ‖ secret ‖ beacon)`.
///
/// `beacon` is the 32-byte randomness of the draw's round, or [`ZERO`](crate::ZERO) where the descriptor names none.
#[must_use]
pub fn seed(descriptor_digest: &Hash, tiers: &[FrozenTier], secret: &Hash, beacon: &Hash) -> Hash {
    let frozen: Vec<u8> = tiers.iter().flat_map(frozen_bytes).collect();
    let count = (tiers.len() as u64).to_be_bytes();
    tagged("fairgate/v2/seed", &[descriptor_digest, &count, &frozen, secret, beacon])
}

/// `seed_t = H(DST("fairgate/v2/tier") ‖ seed ‖ u64be(t))`: the key of a tier's shuffle.
#[must_use]
pub fn tier_seed(seed: &Hash, tier: u8) -> Hash {
    tagged("fairgate/v2/tier", &[seed, &u64::from(tier).to_be_bytes()])
}

fn frozen_bytes(tier: &FrozenTier) -> Vec<u8> {
    [&tier.entries.to_be_bytes()[..], &tier.root, &tier.tags_root].concat()
}
