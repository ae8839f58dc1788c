//! Step 1, the first half: the server binds itself to a secret without showing it.

use crate::hash::{Hash, tagged};

/// What is published of the secret before the pool opens: `H(DST("fairgate/v1/commit") ‖ secret)`.
///
/// The secret must be 32 fresh bytes from the system's RNG; it is published with the seed.
#[must_use]
pub fn commitment(secret: &Hash) -> Hash {
    tagged("fairgate/v1/commit", &[secret])
}
