//! References: what a refused fan quotes, and an organizer finds the reason by.
//!
//! Guarantees:
//! - one refusal has one reference, on every edge and at every retry
//! - a reference tells nothing by itself
//! - a mistyped one is seen

use std::fmt;

use crate::code::text::{check_character, value, with_check};
use crate::keys::{Key, first};
use crate::way::Reason;

/// Characters beside `FG-`: eight of Crockford's base32 for 40 bits, and a check character.
const CHARACTERS: usize = 8;
/// A longer text is not looked at.
const TYPED_BYTES_MAX: usize = 64;

/// The position that stands for somebody who has none yet.
pub const NO_POSITION: (u8, u64) = (u8::MAX, u64::MAX);

/// A reference: 40 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference([u8; 5]);

impl Reference {
    /// `HMAC-SHA256(k_ref, DST("fairgate/v2/reference") ‖ D ‖ u8 t ‖ u64be i ‖ reason)[0..5]`.
    ///
    /// `key` is that of [`Purpose::References`](crate::keys::Purpose::References); `position` is tier and index, or
    /// [`NO_POSITION`] with the bond of the join in `about`, which is empty otherwise.
    #[must_use]
    pub fn of(key: &Key, draw: &[u8; 32], position: (u8, u64), about: &[u8], reason: Reason) -> Self {
        let (tier, index) = position;
        let parts: [&[u8]; 6] = [draw, &[tier], &index.to_be_bytes(), reason.as_str().as_bytes(), &[0], about];
        Self(first(&key.mac("fairgate/v2/reference", &parts)))
    }

    /// The bytes, for the store.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 5] {
        &self.0
    }

    /// The reference of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 5]) -> Self {
        Self(bytes)
    }

    /// Reads what somebody typed: `FG-` may be missing, case, hyphens and spaces do not count, `O` is 0, `I` and `L`
    /// are 1. `None` where a character is mistyped.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        let typed = Some(typed).filter(|typed| typed.len() <= TYPED_BYTES_MAX)?.to_ascii_uppercase();
        let plain: String = typed.chars().filter(|typed| !typed.is_whitespace() && *typed != '-').collect();
        // Nine characters may begin with FG themselves: only eleven have the prefix.
        let digits = if plain.len() == CHARACTERS + 3 { plain.strip_prefix("FG")? } else { &plain };
        let digits = digits.replace('O', "0").replace(['I', 'L'], "1");
        let (check, rest) = digits.as_bytes().split_last().filter(|(_, rest)| rest.len() == CHARACTERS)?;
        if check_character(rest)? != *check {
            return None;
        }
        let bits = rest.iter().try_fold(0u64, |bits, character| Some(bits << 5 | u64::from(value(*character)?)))?;
        let bytes = bits.to_be_bytes();
        Some(Self(std::array::from_fn(|i| bytes[3 + i])))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        write!(f, "FG-{}", with_check::<CHARACTERS>(bits))
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors::{draw, key};

    #[test]
    fn its_text_is_eight_characters_and_a_check() {
        assert_eq!(Reference([0; 5]).to_string(), "FG-000000000");
        let of = |tier, index, reason| Reference::of(&key(1), &draw(), (tier, index), b"", reason);
        let reference = of(0, 7, Reason::Owes);
        assert_eq!((reference.to_string().len(), of(0, 7, Reason::Owes)), (12, reference));
        let others = [of(1, 7, Reason::Owes), of(0, 8, Reason::Owes), of(0, 7, Reason::CodeUsed)];
        assert!(others.iter().all(|other| *other != reference));
        assert_ne!(Reference::of(&key(2), &draw(), (0, 7), b"", Reason::Owes), reference);
        assert_ne!(Reference::of(&key(1), &[0; 32], (0, 7), b"", Reason::Owes), reference);
        let refused = |bond: &[u8]| Reference::of(&key(1), &draw(), NO_POSITION, bond, Reason::CodeUnknown);
        assert_ne!(refused(b"a"), refused(b"b"));
    }

    #[test]
    fn it_is_read_as_people_type_it() {
        let reference = Reference([0x7b, 0xff, 0xff, 0xff, 0xff]);
        let text = reference.to_string();
        assert!(text.starts_with("FG-FFZ"), "{text}");
        let plain = text.replace("FG-", "");
        for typed in [text.clone(), text.to_lowercase(), plain.clone(), format!(" fg {} {}", &plain[..4], &plain[4..])]
        {
            assert_eq!(Reference::read(&typed), Some(reference), "{typed}");
        }
        let starts_with_fg = Reference([0x7c, 0, 0, 0, 0]);
        let plain = starts_with_fg.to_string().replace("FG-", "");
        assert!(plain.starts_with("FG"), "{plain}");
        assert_eq!(Reference::read(&plain), Some(starts_with_fg));
        for bad in ["", "FG-", "FG-00000000", "FG-0000000000", "XG-000000000", "FG-00000000U", &"0".repeat(65)] {
            assert_eq!(Reference::read(bad), None, "{bad}");
        }
        assert_eq!(Reference::read("fg-ooooooooo"), Some(Reference([0; 5])));
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_seen(bytes: [u8; 5], place in 0usize..9, other in "[0-9A-HJKMNP-TV-Z]") {
            let reference = Reference(bytes);
            let text = reference.to_string();
            prop_assert_eq!(Reference::read(&text), Some(reference));
            let mut wrong = text.clone();
            wrong.replace_range(3 + place..4 + place, &other);
            prop_assert_eq!(Reference::read(&wrong).is_some(), wrong == text);
        }

        #[test]
        fn reading_never_fails_with_a_panic(typed in "\\PC{0,20}") {
            let _ = Reference::read(&typed);
        }
    }
}
