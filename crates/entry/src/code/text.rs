//! A code's spelling: Crockford's base32, a check character over GF(32), and what people type instead.
//!
//! Guarantees:
//! - every way of writing a code has one [`Code`]
//! - one wrong character, and two that changed places next to each other or over one, are seen by the check character

use std::fmt;

/// Random characters of a made code.
pub const RANDOM_CHARACTERS: usize = 11;
/// Characters of a made code, the check character included.
pub const MADE_CHARACTERS: usize = RANDOM_CHARACTERS + 1;
/// Random bytes that a new code takes; one bit of them is not used.
pub const RANDOM_BYTES: usize = 7;
/// Shortest code of an organizer's own.
pub const CODE_CHARACTERS_MIN: usize = 8;
/// Longest code.
pub const CODE_CHARACTERS_MAX: usize = 64;
/// A longer text is not looked at. A full-width character has three bytes, and somebody may put a hyphen after each.
pub const TYPED_BYTES_MAX: usize = 6 * CODE_CHARACTERS_MAX;

/// Crockford's base32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A code in its one canonical spelling: 8 to 64 of `0-9` and `A-Z` without I, L and O.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(String);

impl Code {
    /// Reads a code as somebody typed it; `None` where it cannot be one.
    ///
    /// Case, hyphens, dashes and spaces do not count. Full-width forms are folded, `O` is 0, `I` and `L` are 1.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        if typed.len() > TYPED_BYTES_MAX {
            return None;
        }
        let mut code = String::with_capacity(MADE_CHARACTERS);
        for character in typed.chars() {
            match fold(character) {
                Folded::Nothing => {}
                Folded::Character(folded) => code.push(folded),
                Folded::Foreign => return None,
            }
        }
        (CODE_CHARACTERS_MIN..=CODE_CHARACTERS_MAX).contains(&code.len()).then_some(Self(code))
    }

    /// A new code from randomness: 55 bits and the check character.
    #[must_use]
    pub fn make(random: [u8; RANDOM_BYTES]) -> Self {
        let bits = random.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        Self(with_check::<RANDOM_CHARACTERS>(bits))
    }

    /// Whether it has the form of a made code, and its check character is right.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        let Some((check, rest)) = self.0.as_bytes().split_last().filter(|_| self.0.len() == MADE_CHARACTERS) else {
            return false;
        };
        check_character(rest) == Some(*check)
    }

    /// The canonical spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is printed: groups of four, `7H3K-Q9XW-2MVK`.
    #[must_use]
    pub fn printed(&self) -> String {
        let groups: Vec<&str> = self.0.as_bytes().chunks(4).filter_map(|group| str::from_utf8(group).ok()).collect();
        groups.join("-")
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

/// The last `N` base32 characters of a number, most significant first, and their check character.
pub(crate) fn with_check<const N: usize>(bits: u64) -> String {
    let mut text: Vec<u8> = (0..N).rev().map(|i| ALPHABET[(bits >> (5 * i)) as usize & 31]).collect();
    text.extend(check_character(&text));
    text.iter().map(|byte| char::from(*byte)).collect()
}

/// The check character: in GF(32) with x⁵+x²+1, r = 0; for each character r = 2·r ⊕ c; check = 2·r.
///
/// `None` where a character is not of the alphabet.
pub(crate) fn check_character(characters: &[u8]) -> Option<u8> {
    let mut r = 0;
    for character in characters {
        r = double(r) ^ value(*character)?;
    }
    Some(ALPHABET[usize::from(double(r))])
}

/// The number that a character of the alphabet stands for.
pub(crate) fn value(character: u8) -> Option<u8> {
    let place = ALPHABET.iter().position(|own| *own == character)?;
    u8::try_from(place).ok()
}

fn double(r: u8) -> u8 {
    let doubled = r << 1;
    if doubled & 0b10_0000 == 0 { doubled } else { doubled ^ 0b10_0101 }
}

/// What a typed character is in a code.
enum Folded {
    Nothing,
    Character(char),
    Foreign,
}

fn fold(character: char) -> Folded {
    let narrow = match character {
        // Full-width forms stand in the order of ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(character as u32 - 0xfee0).unwrap_or(character),
        other => other,
    };
    match narrow.to_ascii_uppercase() {
        // Hyphens and dashes that keyboards put in their place: U+2010 to U+2015, the minus sign, the long vowel mark.
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fc}' => Folded::Nothing,
        space if space.is_whitespace() => Folded::Nothing,
        // What comes along with copied text: soft hyphen, zero-width characters, a byte order mark.
        '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => Folded::Nothing,
        'O' => Folded::Character('0'),
        'I' | 'L' => Folded::Character('1'),
        known if known.is_ascii_alphanumeric() => Folded::Character(known),
        _ => Folded::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(typed: &str) -> Option<String> {
        Code::read(typed).map(|code| code.as_str().to_owned())
    }

    #[test]
    fn the_published_code_is_right() {
        let code = Code::read("7H3K-Q9XW-2MVK").expect("a code");
        assert_eq!((code.as_str(), code.printed()), ("7H3KQ9XW2MVK", "7H3K-Q9XW-2MVK".to_owned()));
        assert!(code.is_checked());
    }

    #[test]
    fn whatever_people_type_is_the_same_code() {
        for typed in [
            "7h3kq9xw2mvk",
            " 7H3K Q9XW 2MVK\n",
            "7H3K\u{2013}Q9XW\u{2212}2MVK",
            "７Ｈ３Ｋ－Ｑ９ＸＷ－２ＭＶＫ",
            "７ｈ３ｋ　ｑ９ｘｗ　２ｍｖｋ",
            "7H3K\u{ad}Q9XW\u{200b}2MVK\u{feff}",
        ] {
            assert_eq!(read(typed).as_deref(), Some("7H3KQ9XW2MVK"), "{typed:?}");
        }
        assert_eq!(read("OoIiLl00").as_deref(), Some("00111100"));
        assert_eq!(read("SUMMER-2026").as_deref(), Some("SUMMER2026"), "an organizer's own may have a U");
    }

    #[test]
    fn what_cannot_be_a_code_is_none() {
        assert_eq!(read("ABCDEFG"), None, "7 characters");
        assert!(read("ABCDEFGH").is_some());
        assert!(read(&"A".repeat(64)).is_some());
        assert_eq!(read(&"A".repeat(65)), None);
        assert!(read(&"Ａ-".repeat(64)).is_some(), "64 full-width characters and hyphens");
        assert_eq!(read(&format!("ABCDEFGH{}", " ".repeat(TYPED_BYTES_MAX))), None);
        for foreign in ["", "ABCDEFG#", "ABCDEFG\0", "ABCDEFGÄ", "АBCDEFGH", "ABCDEFG_"] {
            assert_eq!(read(foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn only_a_made_code_is_checked() {
        let checked = |typed: &str| Code::read(typed).expect("a code").is_checked();
        assert!(checked("000000000000"));
        for other in ["0000000000000", "00000000000", "000000000001", "7H3KQ9XW2MUK"] {
            assert!(!checked(other), "{other}");
        }
    }

    #[test]
    fn all_55_bits_count() {
        let of = |bits: u64| {
            let mut random = [0; RANDOM_BYTES];
            random.copy_from_slice(&bits.to_be_bytes()[1..]);
            Code::make(random).0
        };
        let mut codes: Vec<String> = (0..55).map(|bit| of(1 << bit)).collect();
        codes.push(of(0));
        assert!(codes.iter().all(|code| code.len() == 12 && Code(code.clone()).is_checked()));
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), 56);
        assert_eq!(of(1 << 55), of(0), "the 56th bit is not used");
        assert_eq!(of((1 << 55) - 1), "ZZZZZZZZZZZK");
    }

    #[test]
    fn it_is_not_printed() {
        assert_eq!(format!("{:?}", Code::read("7H3KQ9XW2MVK")), "Some(Code(..))");
    }

    proptest! {
        #[test]
        fn one_wrong_character_and_any_near_swap_is_seen(random: [u8; RANDOM_BYTES]) {
            let code = Code::make(random).0.into_bytes();
            let is_checked = |bytes: &[u8]| Code(String::from_utf8(bytes.to_vec()).unwrap()).is_checked();
            prop_assert!(is_checked(&code));
            for place in 0..MADE_CHARACTERS {
                for other in ALPHABET.iter().filter(|other| **other != code[place]) {
                    let mut wrong = code.clone();
                    wrong[place] = *other;
                    prop_assert!(!is_checked(&wrong));
                }
                for far in [1, 2] {
                    let mut wrong = code.clone();
                    if place + far < MADE_CHARACTERS && code[place] != code[place + far] {
                        wrong.swap(place, place + far);
                        prop_assert!(!is_checked(&wrong), "{} {}", place, far);
                    }
                }
            }
        }

        #[test]
        fn reading_never_fails_and_is_stable(typed in "\\PC{0,80}") {
            if let Some(code) = Code::read(&typed) {
                prop_assert_eq!(Code::read(code.as_str()), Some(code.clone()));
                prop_assert_eq!(Code::read(&code.printed()), Some(code));
            }
        }
    }
}
