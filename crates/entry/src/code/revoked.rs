//! Which codes of a campaign no longer count: a bit a rank.
//!
//! Guarantees:
//! - revocations of another list than the campaign's are refused, since ranks would mean other codes
//! - a code is never made good again by reading a shorter bitmap, for its length is the campaign's
//!
//! ```text
//! 0    8  "FAIRREVO"
//! 8   32  the campaign's version: the SHA-256 of its fingerprints
//! 40   8  u64be number of codes n
//! 48   .  ceil(n / 8) bytes: bit r mod 8 of byte r div 8 is rank r's
//! then 32: SHA-256 of all before
//! ```

use super::campaign::Campaign;
use crate::bond::sha256;

const MAGIC: &[u8; 8] = b"FAIRREVO";
const HEADER_BYTES: usize = 48;
const HASH_BYTES: usize = 32;

/// Why revocations are not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevokedError {
    /// Not such a file, or damaged.
    #[error("the list of revoked codes is damaged; revoke them again with `fairgate codes revoke`")]
    Damaged,
    /// Made for another list of codes.
    #[error("the revoked codes are of another version of the campaign; revoke them again with `fairgate codes revoke`")]
    OtherCampaign,
}

/// The revoked codes of one campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    version: [u8; 32],
    codes: usize,
    bits: Vec<u8>,
}

impl Revoked {
    /// None of a campaign's codes.
    #[must_use]
    pub fn none(campaign: &Campaign) -> Self {
        Self { version: *campaign.version(), codes: campaign.len(), bits: vec![0; campaign.len().div_ceil(8)] }
    }

    /// Reads what [`Self::to_bytes`] writes, for this campaign.
    ///
    /// # Errors
    /// When it is damaged or another campaign's.
    pub fn read(bytes: &[u8], campaign: &Campaign) -> Result<Self, RevokedError> {
        let length = HEADER_BYTES + campaign.len().div_ceil(8) + HASH_BYTES;
        let (content, hash) =
            bytes.split_at_checked(bytes.len().saturating_sub(HASH_BYTES)).ok_or(RevokedError::Damaged)?;
        if content.len() < HEADER_BYTES || content[..8] != *MAGIC || sha256(content) != hash {
            return Err(RevokedError::Damaged);
        }
        let is_of_this =
            content[8..40] == *campaign.version() && content[40..48] == (campaign.len() as u64).to_be_bytes();
        if !is_of_this || bytes.len() != length {
            return Err(RevokedError::OtherCampaign);
        }
        Ok(Self { version: *campaign.version(), codes: campaign.len(), bits: content[HEADER_BYTES..].to_vec() })
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.bits.len() + HASH_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(self.version);
        bytes.extend((self.codes as u64).to_be_bytes());
        bytes.extend(&self.bits);
        bytes.extend(sha256(&bytes));
        bytes
    }

    /// Revokes a code by its rank; whether it counted before.
    pub fn revoke(&mut self, rank: u32) -> bool {
        let byte = Some(rank as usize).filter(|rank| *rank < self.codes).and_then(|rank| self.bits.get_mut(rank / 8));
        let Some(byte) = byte else { return false };
        let bit = 1 << (rank % 8);
        let is_new = *byte & bit == 0;
        *byte |= bit;
        is_new
    }

    /// The version of the list whose codes these are.
    #[must_use]
    pub fn version(&self) -> &[u8; 32] {
        &self.version
    }

    /// A bit for each code, by rank.
    #[must_use]
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// Revokes all codes whose bits are set; answers whether any of them counted before. Bits of another number of codes say
    /// nothing.
    pub fn unite(&mut self, bits: &[u8]) -> bool {
        if bits.len() != self.bits.len() {
            return false;
        }
        let before = self.count();
        self.bits.iter_mut().zip(bits).for_each(|(byte, more)| *byte |= more);
        // Behind the last code there is none.
        if let (Some(last), rest @ 1..) = (self.bits.last_mut(), self.codes % 8) {
            *last &= (1 << rest) - 1;
        }
        self.count() > before
    }

    /// Whether a code is revoked.
    #[must_use]
    pub fn contains(&self, rank: u32) -> bool {
        self.bits.get(rank as usize / 8).is_some_and(|byte| byte & 1 << (rank % 8) != 0)
    }

    /// How many are revoked.
    #[must_use]
    pub fn count(&self) -> usize {
        self.bits.iter().map(|byte| byte.count_ones() as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::code::campaign::tests::campaign;

    #[test]
    fn a_rank_is_revoked_once() {
        let list = campaign("spring", 9);
        let mut revoked = Revoked::none(&list);
        assert_eq!([revoked.revoke(8), revoked.revoke(8), revoked.revoke(0)], [true, false, true]);
        assert_eq!([9, 15, 16, u32::MAX].map(|rank| revoked.revoke(rank)), [false; 4], "there are nine");
        assert_eq!((0..20).filter(|rank| revoked.contains(*rank)).collect::<Vec<_>>(), [0, 8]);
        assert_eq!(revoked.count(), 2);
        assert_eq!(Revoked::read(&revoked.to_bytes(), &list), Ok(revoked));
    }

    #[test]
    fn what_others_revoke_is_added_and_nothing_is_made_good_again() {
        let list = campaign("spring", 9);
        let mut revoked = Revoked::none(&list);
        revoked.revoke(0);
        assert!(revoked.unite(&[0b10, 0xff]) && !revoked.unite(&[0b10, 1]) && !revoked.unite(&[0xff]));
        assert_eq!((0..20).filter(|rank| revoked.contains(*rank)).collect::<Vec<_>>(), [0, 1, 8], "there are nine");
        assert_eq!((revoked.bits(), revoked.version()), (&[0b11, 1][..], list.version()));
        assert_eq!(Revoked::read(&revoked.to_bytes(), &list), Ok(revoked));
    }

    #[test]
    fn ranks_of_another_list_are_refused() {
        let bytes = Revoked::none(&campaign("spring", 9)).to_bytes();
        assert_eq!(Revoked::read(&bytes, &campaign("spring", 10)), Err(RevokedError::OtherCampaign));
        assert_eq!(Revoked::read(&bytes, &campaign("autumn", 9)), Err(RevokedError::OtherCampaign));
    }

    proptest! {
        #[test]
        fn any_bit_and_any_cut_is_seen(ranks in proptest::collection::vec(0u32..40, 0..20)) {
            let list = campaign("spring", 40);
            let mut revoked = Revoked::none(&list);
            for rank in ranks {
                revoked.revoke(rank);
            }
            let bytes = revoked.to_bytes();
            prop_assert_eq!(Revoked::read(&bytes, &list), Ok(revoked));
            for bit in 0..8 * bytes.len() {
                let mut other = bytes.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                prop_assert_eq!(Revoked::read(&other, &list), Err(RevokedError::Damaged));
            }
            for length in 0..bytes.len() {
                prop_assert_eq!(Revoked::read(&bytes[..length], &list), Err(RevokedError::Damaged));
            }
        }
    }
}
