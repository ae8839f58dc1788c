//! Step 4: the seed, from what was fixed in public and what was hidden until then.

use crate::hash::{Hash, tagged};

/// `H(DST("fairgate/v1/seed") ‖ D ‖ u64be(N) ‖ root ‖ secret ‖ beacon)`.
///
/// `beacon` is the 32-byte randomness of the round that the descriptor names, or [`ZERO`](crate::ZERO) where it names none.
#[must_use]
pub fn seed(descriptor_digest: &Hash, entries: u64, root: &Hash, secret: &Hash, beacon: &Hash) -> Hash {
    tagged("fairgate/v1/seed", &[descriptor_digest, &entries.to_be_bytes(), root, secret, beacon])
}
