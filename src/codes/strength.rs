//! How hard a list of codes is to guess.

use fairgate_entry::code::Code;
use fairgate_entry::code::text::CODE_CHARACTERS_MAX;

/// Fewest bits of a code that is not weak: a million tries find one of a million such codes about once in ten.
pub const BITS_MIN: f64 = 40.0;

const DIGITS: u64 = (1 << 10) - 1;
/// A to Z without I, L and O, which are read as digits.
const LETTERS: f64 = 23.0;

/// What the codes of a list have in common.
///
/// Where all codes have the same character, it is no secret. Elsewhere it may be any of its kind: a digit, a letter, or both.
#[derive(Clone, Debug)]
pub struct Strength {
    /// By position, a bit for each character that was seen: digits first, then letters.
    seen: [u64; CODE_CHARACTERS_MAX],
    shortest: usize,
    longest: usize,
    codes: usize,
}

impl Default for Strength {
    fn default() -> Self {
        Self { seen: [0; CODE_CHARACTERS_MAX], shortest: usize::MAX, longest: 0, codes: 0 }
    }
}

impl Strength {
    /// Takes one more code.
    pub fn add(&mut self, code: &Code) {
        let text = code.as_str().as_bytes();
        for (seen, character) in self.seen.iter_mut().zip(text) {
            let bit = match character {
                b'0'..=b'9' => character - b'0',
                letter => 10 + letter.saturating_sub(b'A').min(25),
            };
            *seen |= 1 << bit;
        }
        (self.shortest, self.longest) = (self.shortest.min(text.len()), self.longest.max(text.len()));
        self.codes += 1;
    }

    /// How many codes were taken.
    #[must_use]
    pub fn codes(&self) -> usize {
        self.codes
    }

    /// Bits of a code that somebody has to guess who knows the others, at most.
    #[must_use]
    pub fn bits(&self) -> f64 {
        let positions = self.seen.iter().take(if self.codes == 0 { 0 } else { self.shortest });
        positions.map(|seen| self.kind(*seen).log2()).sum()
    }

    /// The shortest and the longest code, in characters, where they are all digits and differ: a spreadsheet drops zeros.
    #[must_use]
    pub fn dropped_zeros(&self) -> Option<(usize, usize)> {
        let are_digits = self.seen.iter().all(|seen| seen & !DIGITS == 0);
        (self.codes > 0 && are_digits && self.shortest < self.longest).then_some((self.shortest, self.longest))
    }

    /// How many characters may stand at a position.
    fn kind(&self, seen: u64) -> f64 {
        if self.codes > 1 && seen.count_ones() == 1 {
            return 1.0;
        }
        let digits = if seen & DIGITS == 0 { 0.0 } else { 10.0 };
        let letters = if seen & !DIGITS == 0 { 0.0 } else { LETTERS };
        f64::max(digits + letters, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<T: AsRef<str>>(codes: impl IntoIterator<Item = T>) -> Strength {
        let mut strength = Strength::default();
        codes.into_iter().for_each(|code| strength.add(&Code::read(code.as_ref()).expect("a code")));
        strength
    }

    #[test]
    fn numbered_words_are_weak_and_random_codes_are_not() {
        let numbered = of((0..10_000).map(|n| format!("SUMMER-{n:04}")));
        assert!((numbered.bits() - 4.0 * 10f64.log2()).abs() < 1e-9, "{}", numbered.bits());
        let made = of((0..1000u64).map(|n| {
            let mut random = [0; 7];
            random.copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[1..]);
            Code::make(random).printed()
        }));
        assert!(made.bits() > 55.0, "{}", made.bits());
        assert!(of(["K7Q2M9XW", "3FHT8B5C"]).bits() < BITS_MIN, "eight characters of one kind each");
        assert!(of(["K7Q2M9XWPA4R", "3FHT8B5C2MNE"]).bits() > BITS_MIN);
        assert!(of(["1234567890123"]).bits() > BITS_MIN, "one code says nothing of the others");
        assert!(of(["123456789012", "923456789017"]).bits() < 8.0);
        assert_eq!(Strength::default().bits(), 0.0);
    }

    #[test]
    fn digits_of_different_lengths_have_lost_zeros() {
        assert_eq!(of(["12345678", "012345679"]).dropped_zeros(), Some((8, 9)));
        assert_eq!(of(["12345678", "A12345679"]).dropped_zeros(), None);
        assert_eq!(of(["12345678", "12345679"]).dropped_zeros(), None);
    }
}
