//! A fan's line in a tier's roster, and the roots over a tier's lines.

use crate::hash::{Hash, ZERO, tagged};
use crate::log::FrozenTier;
use crate::root::RootHasher;

/// What stands for an identity in the public lists: 16 bytes of a keyed hash.
pub type Tag = [u8; 16];

/// The tag of an entry without identity, and of an empty one.
pub const NO_TAG: Tag = [0; 16];

/// An entry that nobody could put back after a loss: its place is nobody's, and its tag [`NO_TAG`].
pub const EMPTY_ENTRY: Hash = ZERO;

/// What a browser sends when it joins. The 16 bytes that it is made of are known to the browser alone until it claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nonce(pub [u8; 16]);

impl Nonce {
    /// `v = H(DST("fairgate/v2/nonce") ‖ u)[0..16]`.
    #[must_use]
    pub fn of(u: &[u8; 16]) -> Self {
        Self(first_half(&tagged("fairgate/v2/nonce", &[u])))
    }
}

/// An entry: `H(DST("fairgate/v2/entry") ‖ D ‖ u8(t) ‖ v ‖ tag)`.
///
/// `tag` is [`tag`](super::tag) of the fan's identity, or [`NO_TAG`] where the draw asks for none.
#[must_use]
pub fn entry(descriptor_digest: &Hash, tier: u8, nonce: Nonce, tag: &Tag) -> Hash {
    tagged("fairgate/v2/entry", &[descriptor_digest, &[tier], &nonce.0, tag])
}

pub(super) fn first_half(hash: &Hash) -> Tag {
    *hash.first_chunk().expect("32 bytes have a first half")
}

/// Computes what is published of a tier at the freeze, as its entries stream by.
#[derive(Clone, Debug)]
pub struct TierHasher {
    entries: RootHasher,
    tags: Option<RootHasher>,
    missing: u64,
}

impl TierHasher {
    /// A tier without entries; `identities` says whether the draw asks for any, for else there is no tree of tags.
    #[must_use]
    pub fn new(identities: bool) -> Self {
        Self { entries: RootHasher::new(), tags: identities.then(RootHasher::new), missing: 0 }
    }

    /// Appends the next entry and its tag.
    pub fn push(&mut self, entry: &Hash, tag: &Tag) {
        self.entries.push(entry);
        self.missing += u64::from(*entry == EMPTY_ENTRY);
        if let Some(tags) = &mut self.tags {
            tags.push(tag);
        }
    }

    /// How many entries were pushed.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries.entries()
    }

    /// What is published. Without entries a root is `H("")`; without identities the tags' root is [`ZERO`].
    #[must_use]
    pub fn finish(self) -> FrozenTier {
        let tags_root = self.tags.map_or(ZERO, |tags| tags.finish().1);
        let (entries, root) = self.entries.finish();
        FrozenTier { entries, root, tags_root, missing: self.missing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_counts_what_is_missing_and_has_tags_only_where_asked() {
        let mut hasher = TierHasher::new(false);
        hasher.push(&EMPTY_ENTRY, &NO_TAG);
        hasher.push(&[1; 32], &NO_TAG);
        let tier = hasher.finish();
        assert_eq!((tier.entries, tier.missing, tier.tags_root), (2, 1, ZERO));
        let nobody = TierHasher::new(true).finish();
        assert_eq!(nobody.tags_root, nobody.root, "H(\"\") for an empty tier");
    }
}
