//! The keepsake: twelve letters that show that somebody is who entered, where the key is lost.
//!
//! Guarantees:
//! - it follows from u, which only the fan's browser has until the claim
//! - the ticket holds its hash alone
//!
//! It has 55 bits, which hold against whoever copies a ticket for the days of a sale, and no longer.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::code::Code;
use crate::code::text::{RANDOM_CHARACTERS, with_check};
use crate::keys::{equal, first};
use crate::tagged;

/// Twelve letters: eleven of Crockford's base32, and a check character.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keepsake(Code);

impl Keepsake {
    /// The first 55 bits of `HMAC-SHA256(u, "keepsake")`.
    #[must_use]
    pub fn of(u: &[u8; 16]) -> Self {
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, u), b"keepsake");
        let bits = mac.as_ref().iter().take(8).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte)) >> 9;
        let text = with_check::<RANDOM_CHARACTERS>(bits);
        Self(Code::read(&text).expect("eleven characters of the alphabet and their check are a code"))
    }

    /// Reads what somebody typed; `None` where a character is mistyped.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        Code::read(typed).filter(Code::is_checked).map(Self)
    }

    /// As the page shows it.
    #[must_use]
    pub fn printed(&self) -> String {
        self.0.printed()
    }

    /// `H(DST("fairgate/v2/keepsake") ‖ CODE)[0..16]`: what the join says, and the ticket keeps as `kps`.
    #[must_use]
    pub fn hash(&self) -> KeepsakeHash {
        KeepsakeHash(first(&tagged("fairgate/v2/keepsake", &[self.0.as_str().as_bytes()])))
    }
}

/// The hash of a keepsake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeepsakeHash([u8; 16]);

impl KeepsakeHash {
    /// Reads base64url without padding, 22 characters.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = Some(text).filter(|text| text.len() == 22)?;
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// As the join and the ticket say it.
    #[must_use]
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Whether a keepsake is the one, compared in constant time.
    #[must_use]
    pub fn is_of(&self, keepsake: &Keepsake) -> bool {
        equal(&self.0, &keepsake.hash().0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_has_the_first_55_bits() {
        // HMAC-SHA256 of "keepsake" under sixteen zero bytes, by another implementation (Python's hmac).
        let mac = u64::from_str_radix("f974d05d7d632d3c", 16).expect("hex");
        let keepsake = Keepsake::of(&[0; 16]);
        let value = |character| crate::code::text::value(character).expect("of the alphabet");
        let bits = keepsake.0.as_str().bytes().take(11).fold(0u64, |bits, byte| bits << 5 | u64::from(value(byte)));
        assert_eq!(bits, mac >> 9);
        assert_eq!(keepsake.printed(), "Z5TD-0QBX-CCP0");
    }

    #[test]
    fn a_mistyped_one_is_seen_and_another_is_not_the_one() {
        let (keepsake, other) = (Keepsake::of(&[0; 16]), Keepsake::of(&[1; 16]));
        let hash = keepsake.hash();
        assert!(hash.is_of(&Keepsake::read(&keepsake.printed().to_lowercase()).expect("as shown")));
        assert!(!hash.is_of(&other));
        let mut wrong = keepsake.0.as_str().to_owned();
        let last = if wrong.ends_with('0') { "2" } else { "0" };
        wrong.replace_range(11.., last);
        assert_eq!(Keepsake::read(&wrong), None);
        assert_eq!(KeepsakeHash::read(&hash.to_base64url()), Some(hash));
        for text in ["", "AAAA", &format!("{}A", hash.to_base64url())] {
            assert_eq!(KeepsakeHash::read(text), None);
        }
    }

    proptest! {
        #[test]
        fn any_bit_of_u_makes_another(u: [u8; 16], bit in 0usize..128) {
            let mut other = u;
            other[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!Keepsake::of(&u).hash().is_of(&Keepsake::of(&other)));
        }
    }
}
