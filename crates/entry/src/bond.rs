//! The bond: what ties something shown to one entry.
//!
//! Guarantee: whatever is no identity is made for a bond, so one solution or answer counts for one entry. The u behind
//! the join's nonce v stays with the fan until the claim, so nobody else can aim at the same bond and claim with it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::keys::first;
use crate::tagged;

/// b: 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bond([u8; 16]);

impl Bond {
    /// `H(DST("fairgate/v2/bond") ‖ v ‖ H(credential))[0..16]`.
    ///
    /// `nonce` is v, what the join says as its nonce. `credential` is the code as normalised, the shop's token or the
    /// voucher's id; empty where there is none.
    #[must_use]
    pub fn of(nonce: &[u8; 16], credential: &[u8]) -> Self {
        Self(first(&tagged("fairgate/v2/bond", &[nonce, &sha256(credential)])))
    }

    /// The bond of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads what [`Self::to_base64url`] writes, and no other spelling.
    #[must_use]
    pub fn from_base64url(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        // One byte more, so that a longer text is seen; the engine refuses padding and stray bits.
        let mut decoded = [0; 18];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut decoded).ok()?;
        bytes.copy_from_slice(&decoded[..16]);
        (length == 16).then_some(Self(bytes))
    }

    /// As the wire has it: base64url without padding, 22 characters.
    #[must_use]
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Bond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bond({})", hex::encode(self.0))
    }
}

/// SHA-256 of one message, without a domain: where a format of others, or H(x) of the protocol, asks for it.
pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, message).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors::{bytes, nonce};

    #[test]
    fn it_is_as_published() {
        let plain = Bond::of(&nonce(), b"");
        assert_eq!(*plain.bytes(), bytes("0fa3539b43c6591c39d7c39016c7780c"));
        let with_code = Bond::of(&nonce(), b"7H3KQ9XW2MVK");
        assert_eq!(*with_code.bytes(), bytes("3454cf5c48730cc3085b47185eece360"));
    }

    #[test]
    fn its_text_has_one_spelling() {
        let text = Bond::of(&nonce(), b"").to_base64url();
        assert_eq!(text.len(), 22);
        for wrong in ["", &text[1..], &format!("{text}A"), &format!("{text}=="), &format!("{}B", &text[..21])] {
            assert_eq!(Bond::from_base64url(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_bit_of_the_nonce_or_the_credential_makes_another(
            nonce: [u8; 16], credential in proptest::collection::vec(any::<u8>(), 1..40), bit in 0usize..128,
        ) {
            let bond = Bond::of(&nonce, &credential);
            prop_assert_eq!(Bond::from_base64url(&bond.to_base64url()), Some(bond));
            let mut other = nonce;
            other[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(Bond::of(&other, &credential), bond);
            let mut other = credential.clone();
            let bit = bit % (8 * other.len());
            other[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(Bond::of(&nonce, &other), bond);
        }
    }
}
