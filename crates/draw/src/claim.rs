//! After the draw: the public list of claims, which says for every place that was taken whose entry it was taken with.
//!
//! A line has a fixed length, so that the list can be fetched by ranges and never changes but at its end. Whoever claims
//! shows what the entry was made of, which ties the place to the entry. It does not tie it to the fan: browsers send their
//! random bytes when they join, so the operator can show them, too.

use crate::entry::entry;
use crate::hash::Hash;

/// Bytes of a line: place, index and time as `u64be`, 16 random bytes, 32 bytes of identity tag.
pub const CLAIM_BYTES: usize = 72;

/// Instead of an index: the fan came after the draw.
const NO_INDEX: u64 = u64::MAX;
/// Instead of random bytes and tag: they were not shown.
const NOT_SHOWN: u8 = 0xff;

/// A place that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The place.
    pub place: u64,
    /// The roster index of the entry that it was taken with; `None` where the fan came after the draw.
    pub index: Option<u64>,
    /// When the fan was let in, Unix ms.
    pub admitted_at_ms: u64,
    /// What the entry was made of, where the fan's browser showed it.
    pub opening: Option<Opening>,
}

/// What an entry was made of, beside the draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The fan's random bytes.
    pub nonce: [u8; 16],
    /// The identity tag, or [`ZERO`](crate::ZERO).
    pub tag: Hash,
}

impl Opening {
    /// The entry that it opens, in the draw with this descriptor digest.
    #[must_use]
    pub fn entry(&self, descriptor_digest: &Hash) -> Hash {
        entry(descriptor_digest, &self.nonce, &self.tag)
    }
}

impl Claim {
    /// The line.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; CLAIM_BYTES] {
        let mut bytes = [NOT_SHOWN; CLAIM_BYTES];
        bytes[..8].copy_from_slice(&self.place.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.index.unwrap_or(NO_INDEX).to_be_bytes());
        bytes[16..24].copy_from_slice(&self.admitted_at_ms.to_be_bytes());
        if let Some(opening) = &self.opening {
            bytes[24..40].copy_from_slice(&opening.nonce);
            bytes[40..].copy_from_slice(&opening.tag);
        }
        bytes
    }

    /// Reads a line.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; CLAIM_BYTES]) -> Self {
        let number = |at: usize| u64::from_be_bytes(part(bytes, at));
        let is_shown = bytes[24..].iter().any(|byte| *byte != NOT_SHOWN);
        Self {
            place: number(0),
            index: Some(number(8)).filter(|index| *index != NO_INDEX),
            admitted_at_ms: number(16),
            opening: is_shown.then(|| Opening { nonce: part(bytes, 24), tag: part(bytes, 40) }),
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
    use crate::ZERO;

    proptest! {
        #[test]
        fn a_line_reads_back(
            place: u64,
            index in prop::option::of(0..NO_INDEX),
            admitted_at_ms: u64,
            opening in prop::option::of((any::<[u8; 16]>(), any::<Hash>())),
        ) {
            let opening = opening.map(|(nonce, tag)| Opening { nonce, tag });
            let claim = Claim { place, index, admitted_at_ms, opening };
            prop_assert_eq!(Claim::from_bytes(&claim.to_bytes()), claim);
        }
    }

    #[test]
    fn a_line_is_as_documented() {
        let opening = Some(Opening { nonce: [7; 16], tag: ZERO });
        let line = Claim { place: 1, index: Some(2), admitted_at_ms: 3, opening }.to_bytes();
        let numbers = "000000000000000100000000000000020000000000000003";
        assert_eq!(hex::encode(line), format!("{numbers}{}{}", "07".repeat(16), "00".repeat(32)));
        let line = Claim { place: 1, index: None, admitted_at_ms: 3, opening: None }.to_bytes();
        assert_eq!(hex::encode(line), format!("0000000000000001{}0000000000000003{}", "ff".repeat(8), "ff".repeat(48)));
    }
}
