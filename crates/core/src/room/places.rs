//! One bit a place.
//!
//! Guarantee: a bit, once set, stays set; walks cost one step for 64 places of the range walked, never of the line.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A set of places that grows with the highest place put in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    words: Vec<u64>,
}

impl Places {
    /// True if the place is in the set.
    #[must_use]
    pub fn contains(&self, place: u64) -> bool {
        self.word(place) >> (place % 64) & 1 == 1
    }

    /// Puts a place into the set.
    pub fn insert(&mut self, place: u64) {
        let index = usize::try_from(place / 64).expect("a line fits into memory");
        if index >= self.words.len() {
            self.words.resize(index + 1, 0);
        }
        self.words[index] |= 1 << (place % 64);
    }

    /// Takes a place out of the set.
    pub(super) fn remove(&mut self, place: u64) {
        if self.contains(place) {
            self.words[usize::try_from(place / 64).expect("it is there")] &= !(1 << (place % 64));
        }
    }

    /// Puts a range of places into the set.
    pub(super) fn insert_all(&mut self, range: Range<u64>) {
        for (start, length) in spans(range) {
            self.insert(start);
            self.words[usize::try_from(start / 64).expect("it was just written")] |=
                (u64::MAX >> (64 - length)) << (start % 64);
        }
    }

    /// Puts all places below `end` of another set into this one; answers whether any of them is new.
    pub(super) fn unite(&mut self, other: &Self, end: u64) -> bool {
        let mut is_new = false;
        for (start, length) in spans(0..end.min(other.words.len() as u64 * 64)) {
            let added = other.word(start) & (u64::MAX >> (64 - length)) & !self.word(start);
            if added != 0 {
                self.insert(start + u64::from(added.trailing_zeros()));
                self.words[usize::try_from(start / 64).expect("it was just written")] |= added;
                is_new = true;
            }
        }
        is_new
    }

    /// The set as bytes, place 0 in the highest bit of the first, which is how Redis counts bits.
    #[must_use]
    pub fn to_bits(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.reverse_bits().to_be_bytes()).collect()
    }

    /// How many places of a range are not in the set.
    pub(super) fn count_missing(&self, range: Range<u64>) -> u64 {
        spans(range).map(|(start, length)| u64::from(self.missing(start, length).count_ones())).sum()
    }

    /// The end of the shortest stretch of `range`, from its start on, that has `wanted` places which are not in the
    /// set. The stretch is all of the range where there are fewer. The second number says how many it has.
    pub(super) fn stretch(&self, range: Range<u64>, wanted: u64) -> (u64, u64) {
        let mut found = 0;
        for (start, length) in spans(range.clone()) {
            let missing = self.missing(start, length);
            let here = u64::from(missing.count_ones());
            if found + here >= wanted {
                return (start + position_after(missing, wanted - found), wanted);
            }
            found += here;
        }
        (range.end, found)
    }

    /// The word with this place's bit; words that were never written are empty.
    fn word(&self, place: u64) -> u64 {
        usize::try_from(place / 64).ok().and_then(|index| self.words.get(index)).copied().unwrap_or(0)
    }

    /// The places of one span that are not in the set, as bits from 0 on.
    fn missing(&self, start: u64, length: u64) -> u64 {
        let mask = u64::MAX >> (64 - length);
        !(self.word(start) >> (start % 64)) & mask
    }
}

/// Cuts a range into spans that each lie in one word: where it starts and how many places it has (1 to 64).
fn spans(range: Range<u64>) -> impl Iterator<Item = (u64, u64)> {
    let mut start = range.start;
    std::iter::from_fn(move || {
        let span = (start, (64 - start % 64).min(range.end.checked_sub(start).filter(|left| *left > 0)?));
        start += span.1;
        Some(span)
    })
}

/// The position just after the n-th set bit, which must be there; 0 for n = 0.
fn position_after(mut bits: u64, n: u64) -> u64 {
    if n == 0 {
        return 0;
    }
    for _ in 1..n {
        bits &= bits - 1;
    }
    u64::from(bits.trailing_zeros()) + 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_set_of_numbers(
            inside in prop::collection::btree_set(0_u64..400, 0..200),
            start in 0_u64..400,
            length in 0_u64..400,
            wanted in 0_u64..300,
        ) {
            let mut places = Places::default();
            inside.iter().for_each(|place| places.insert(*place));
            let missing: Vec<u64> = (start..start + length).filter(|place| !inside.contains(place)).collect();

            prop_assert_eq!((0..400).filter(|place| places.contains(*place)).collect::<BTreeSet<_>>(), inside.clone());
            let mut changed = places.clone();
            changed.insert_all(start..start + length);
            changed.remove(start);
            let expected: BTreeSet<u64> = inside.iter().copied().chain(start..start + length).filter(|p| *p != start).collect();
            prop_assert_eq!((0..800).filter(|place| changed.contains(*place)).collect::<BTreeSet<_>>(), expected);
            let mut united: Places = Places::default();
            (0..start).for_each(|place| united.insert(place));
            let is_new = inside.iter().any(|place| (start..start + length).contains(place));
            prop_assert_eq!(united.unite(&places, start + length), is_new);
            let expected: BTreeSet<u64> =
                (0..start).chain(inside.iter().copied().filter(|place| *place < start + length)).collect();
            prop_assert_eq!((0..800).filter(|place| united.contains(*place)).collect::<BTreeSet<_>>(), expected);
            let bits = places.to_bits();
            let is_set = |place: u64| bits.get(place as usize / 8).is_some_and(|byte| byte << (place % 8) & 0x80 != 0);
            prop_assert!((0..400).all(|place| is_set(place) == inside.contains(&place)));
            prop_assert_eq!(places.count_missing(start..start + length), missing.len() as u64);

            let expected = match usize::try_from(wanted).unwrap() {
                0 => (start, 0),
                n => missing.get(n - 1).map_or((start + length, missing.len() as u64), |place| (place + 1, wanted)),
            };
            if length > 0 {
                prop_assert_eq!(places.stretch(start..start + length, wanted), expected);
            }
        }
    }
}
