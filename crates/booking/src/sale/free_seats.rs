//! Sets of seats, like those that are free at one moment, as bits: cheap to copy, quick to look through.

use std::ops::Range;

const WORD: u32 = u64::BITS;

/// A set of seats, by their units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeSeats {
    words: Vec<u64>,
    seats: u32,
}

impl FreeSeats {
    /// None of so many seats.
    #[must_use]
    pub fn none(seats: u32) -> Self {
        Self { words: vec![0; seats.div_ceil(WORD) as usize], seats }
    }

    /// True if a seat is free.
    #[must_use]
    pub fn contains(&self, unit: u32) -> bool {
        unit < self.seats && self.words[(unit / WORD) as usize] >> (unit % WORD) & 1 == 1
    }

    /// Frees a seat.
    pub fn insert(&mut self, unit: u32) {
        self.words[(unit / WORD) as usize] |= 1 << (unit % WORD);
    }

    /// Takes a seat.
    pub fn remove(&mut self, unit: u32) {
        self.words[(unit / WORD) as usize] &= !(1 << (unit % WORD));
    }

    /// Takes all of these seats.
    pub fn remove_all(&mut self, others: &Self) {
        self.words.iter_mut().zip(&others.words).for_each(|(word, other)| *word &= !other);
    }

    /// How many seats of a range are free.
    #[must_use]
    pub fn count(&self, units: Range<u32>) -> u32 {
        self.words_of(units).map(|(_, word)| word.count_ones()).sum()
    }

    /// The free seats of a range, ascending.
    pub fn iter(&self, units: Range<u32>) -> impl Iterator<Item = u32> {
        self.words_of(units).flat_map(|(first, word)| {
            std::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)))
                .take_while(|rest| *rest != 0)
                .map(move |rest| first + rest.trailing_zeros())
        })
    }

    /// The runs of free seats of a range, ascending.
    pub fn runs(&self, units: Range<u32>) -> impl Iterator<Item = Range<u32>> {
        let mut free = self.iter(units).peekable();
        std::iter::from_fn(move || {
            let first = free.next()?;
            let mut end = first + 1;
            while free.next_if_eq(&end).is_some() {
                end += 1;
            }
            Some(first..end)
        })
    }

    /// One bit a seat, the first seat in the lowest bit of the first byte.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(self.seats.div_ceil(8) as usize);
        bytes
    }

    /// The words that a range touches, each with its first unit, the bits outside of the range cleared.
    fn words_of(&self, units: Range<u32>) -> impl Iterator<Item = (u32, u64)> {
        let (start, end) = (units.start, units.end.min(self.seats).max(units.start));
        (start / WORD..end.div_ceil(WORD)).map(move |number| {
            let first = number * WORD;
            let above_start = u64::MAX << start.saturating_sub(first).min(WORD - 1);
            let below_end = u64::MAX >> (first + WORD).saturating_sub(end).min(WORD - 1);
            (first, self.words[number as usize] & above_start & below_end)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(
            seats in 1u32..300, changes in prop::collection::vec((any::<u32>(), any::<bool>()), 0..400), ends in any::<(u32, u32)>(),
        ) {
            let (mut free, mut model) = (FreeSeats::none(seats), BTreeSet::new());
            for (unit, is_freed) in changes {
                let unit = unit % seats;
                if is_freed { free.insert(unit) } else { free.remove(unit) }
                if is_freed { model.insert(unit) } else { model.remove(&unit) };
            }
            let (start, end) = (ends.0 % (seats + 1), ends.1 % (seats + 1));
            let range = start.min(end)..start.max(end);
            let expected: Vec<u32> = model.range(range.clone()).copied().collect();
            prop_assert_eq!(free.iter(range.clone()).collect::<Vec<_>>(), expected.clone());
            prop_assert_eq!(free.count(range.clone()) as usize, expected.len());
            let runs: Vec<_> = free.runs(range).collect();
            prop_assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start), "maximal runs");
            prop_assert_eq!(runs.into_iter().flatten().collect::<Vec<_>>(), expected);
            let bytes = free.to_bytes();
            prop_assert_eq!(bytes.len(), seats.div_ceil(8) as usize);
            prop_assert!((0..seats).all(|unit| (bytes[unit as usize / 8] >> (unit % 8) & 1 == 1) == model.contains(&unit)));
        }
    }
}
