//! Step 2: a fan's line in the roster.

use crate::hash::{Hash, tagged};

/// A roster entry: `H(DST("fairgate/v1/entry") ‖ D ‖ u ‖ tag)`.
///
/// `nonce` is what the fan's browser picked and keeps. The operator is sent it at the join, so showing the nonce
/// proves which entry it is, and not whose. `tag` stands for a verified identity (a keyed hash of it), or is
/// [`ZERO`](crate::ZERO).
#[must_use]
pub fn entry(descriptor_digest: &Hash, nonce: &[u8; 16], tag: &Hash) -> Hash {
    tagged("fairgate/v1/entry", &[descriptor_digest, nonce, tag])
}
