//! After the draw: the public list of claims, which says for every place that was taken whose entry it was taken with.
//!
//! Whoever claims shows `u`, which nobody but their browser knew: so who entered claims. The tag is always shown.

use super::entry::{NO_TAG, Nonce, Tag, entry};
use crate::hash::Hash;

/// Bytes of a line: place as `u64be`, tier, index and time as `u64be`, 16 random bytes, 16 bytes of tag.
pub const CLAIM_BYTES: usize = 57;

/// Instead of a tier and an index: the fan came after the draw.
const NO_TIER: u8 = u8::MAX;
const NO_INDEX: u64 = u64::MAX;
/// Instead of random bytes: they were not shown.
const NOT_SHOWN: [u8; 16] = [u8::MAX; 16];

/// A place that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The place.
    pub place: u64,
    /// The entry that it was taken with, as `(t, i)`; `None` where the fan came after the draw.
    pub entry: Option<(u8, u64)>,
    /// When the fan was let in, Unix ms.
    pub admitted_at_ms: u64,
    /// The random bytes that the entry's nonce is made of, where the fan's browser showed them.
    pub u: Option<[u8; 16]>,
    /// The identity's tag; [`NO_TAG`] where the draw asks for none.
    pub tag: Tag,
}

impl Claim {
    /// The entry that the claim's bytes make in the draw with this descriptor digest; `None` where they were not shown, or
    /// the fan came after the draw.
    #[must_use]
    pub fn shown_entry(&self, descriptor_digest: &Hash) -> Option<Hash> {
        let ((tier, _), u) = self.entry.zip(self.u.as_ref())?;
        Some(entry(descriptor_digest, tier, Nonce::of(u), &self.tag))
    }

    /// Whether an identity stands behind it.
    #[must_use]
    pub fn has_identity(&self) -> bool {
        self.tag != NO_TAG
    }

    /// The line.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; CLAIM_BYTES] {
        let (tier, index) = self.entry.unwrap_or((NO_TIER, NO_INDEX));
        let mut bytes = [0; CLAIM_BYTES];
        bytes[..8].copy_from_slice(&self.place.to_be_bytes());
        bytes[8] = tier;
        bytes[9..17].copy_from_slice(&index.to_be_bytes());
        bytes[17..25].copy_from_slice(&self.admitted_at_ms.to_be_bytes());
        bytes[25..41].copy_from_slice(&self.u.unwrap_or(NOT_SHOWN));
        bytes[41..].copy_from_slice(&self.tag);
        bytes
    }

    /// Reads a line.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; CLAIM_BYTES]) -> Self {
        let number = |at: usize| u64::from_be_bytes(part(bytes, at));
        let (tier, index) = (bytes[8], number(9));
        Self {
            place: number(0),
            // Half of the mark is no entry of any roster, and is said to be so.
            entry: Some((tier, index)).filter(|entry| *entry != (NO_TIER, NO_INDEX)),
            admitted_at_ms: number(17),
            u: Some(part(bytes, 25)).filter(|u| *u != NOT_SHOWN),
            tag: part(bytes, 41),
        }
    }
}

fn part<const N: usize>(bytes: &[u8; CLAIM_BYTES], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("every part lies within a line")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_reads_back(
            place: u64,
            entry in prop::option::of((0..NO_TIER, any::<u64>())),
            admitted_at_ms: u64,
            u in prop::option::of(any::<[u8; 16]>()),
            tag: Tag,
        ) {
            let claim = Claim { place, entry, admitted_at_ms, u, tag };
            prop_assert_eq!(Claim::from_bytes(&claim.to_bytes()), claim);
        }
    }

    #[test]
    fn a_line_is_as_documented() {
        let claim = Claim { place: 1, entry: Some((2, 3)), admitted_at_ms: 4, u: Some([7; 16]), tag: [9; 16] };
        let numbers = "0000000000000001".to_owned() + "02" + "0000000000000003" + "0000000000000004";
        assert_eq!(hex::encode(claim.to_bytes()), format!("{numbers}{}{}", "07".repeat(16), "09".repeat(16)));
        let late = Claim { entry: None, u: None, tag: NO_TAG, ..claim }.to_bytes();
        let numbers = format!("0000000000000001{}0000000000000004", "ff".repeat(9));
        assert_eq!(hex::encode(late), format!("{numbers}{}{}", "ff".repeat(16), "00".repeat(16)));
    }
}
