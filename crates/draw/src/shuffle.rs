//! Step 5: the swap-or-not shuffle (Hoang, Morris, Rogaway 2012), keyed by ChaCha20.
//!
//! A [`Shuffle`] is a bijection of 0..N-1 by construction. Each round pairs every position with its mirror image about
//! a pivot, and either swaps the pair or does not. Swapping twice is not swapping. So one place needs no table, the
//! rounds in reverse undo it, and all places together need one pass over a table a round.

use std::num::NonZeroU64;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::hash::Hash;

/// Rounds of the shuffle; the protocol fixes them.
pub const ROUNDS: usize = 256;

/// The stream that pivots are drawn from; streams 0 to 255 are the rounds' own.
const PIVOT_STREAM: u64 = u64::MAX;

/// Positions whose swap bits share one word of keystream.
const WORD_BITS: usize = 32;

/// The permutation from index to place that a seed and N fix.
#[derive(Clone, Debug)]
pub struct Shuffle {
    key: ChaCha20Rng,
    entries: u64,
    pivots: Vec<u64>,
}

/// More entries than a table of places can number in 32 bits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a table of places holds at most 2^32 - 1 entries, not {0}: compute places one at a time")]
pub struct TooManyEntries(pub u64);

impl Shuffle {
    /// The permutation of 0..N-1 under this seed.
    #[must_use]
    pub fn new(seed: &Hash, entries: u64) -> Self {
        let key = ChaCha20Rng::from_seed(*seed);
        let pivots = NonZeroU64::new(entries).map_or_else(Vec::new, |n| pivots(&key, n));
        Self { key, entries, pivots }
    }

    /// N.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The place of the entry at `index`; `None` where there is no such entry.
    #[must_use]
    pub fn place(&self, index: u64) -> Option<u64> {
        (index < self.entries).then(|| (0..ROUNDS).fold(index, |x, round| self.swap_or_not(round, x)))
    }

    /// The index of the entry that has `place`: the inverse of [`place`](Self::place).
    #[must_use]
    pub fn index(&self, place: u64) -> Option<u64> {
        (place < self.entries).then(|| (0..ROUNDS).rev().fold(place, |x, round| self.swap_or_not(round, x)))
    }

    /// Every place, in index order: `all_places()[index] == place(index)`.
    ///
    /// About 2 s for 14 million entries on one core, and 4 bytes an entry.
    ///
    /// # Errors
    /// Where places do not fit 32 bits.
    pub fn all_places(&self) -> Result<Vec<u32>, TooManyEntries> {
        let n = u32::try_from(self.entries).map_err(|_| TooManyEntries(self.entries))?;
        let mut table: Vec<u32> = (0..n).collect();
        // With P_r[x] the place of what stands at x before round r, P_r[x] = P_{r+1}[round r applied to x]. Each round
        // swaps pairs of the table in place, the last round first.
        for (round, &pivot) in self.pivots.iter().enumerate().rev() {
            let (low, high) = table.split_at_mut(pivot as usize + 1);
            // x and pivot - x, up to the pivot; beyond it x and N + pivot - x.
            swap_mirrored(low, 0, self.stream(round));
            swap_mirrored(high, pivot as usize + 1, self.stream(round));
        }
        Ok(table)
    }

    fn swap_or_not(&self, round: usize, x: u64) -> u64 {
        let y = mirror(x, self.pivots[round], self.entries);
        let q = x.max(y);
        let mut stream = self.stream(round);
        stream.set_word_pos(u128::from(q) / WORD_BITS as u128);
        if stream.next_u32() >> (q % WORD_BITS as u64) & 1 == 1 { y } else { x }
    }

    fn stream(&self, round: usize) -> ChaCha20Rng {
        let mut stream = self.key.clone();
        stream.set_stream(round as u64);
        stream
    }
}

/// `(pivot - x) mod N`, for both below N.
fn mirror(x: u64, pivot: u64, n: u64) -> u64 {
    if x <= pivot { pivot - x } else { n - (x - pivot) }
}

/// One pivot a round, uniform in 0..N-1 (Lemire's method, with its rejections).
fn pivots(key: &ChaCha20Rng, n: NonZeroU64) -> Vec<u64> {
    let mut stream = key.clone();
    stream.set_stream(PIVOT_STREAM);
    let biased = n.get().wrapping_neg() % n;
    let mut pivot = || loop {
        let product = u128::from(stream.next_u64()) * u128::from(n.get());
        if product as u64 >= biased {
            break (product >> 64) as u64;
        }
    };
    (0..ROUNDS).map(|_| pivot()).collect()
}

/// One round over positions that are each other's mirror images: a slice of the table that starts at position `first`.
///
/// From the middle outwards, so that the keystream and both halves are each read once, in order. The keystream belongs
/// to the greater position of a pair.
fn swap_mirrored(positions: &mut [u32], first: usize, mut stream: ChaCha20Rng) {
    let half = positions.len() / 2;
    let upper_start = positions.len() - half;
    let (lower, upper) = positions.split_at_mut(upper_start);
    let lower = &mut lower[..half];

    let q = first + upper_start;
    stream.set_word_pos((q / WORD_BITS) as u128);
    let in_first_word = (WORD_BITS - q % WORD_BITS).min(half);
    let (lower, lower_near) = lower.split_at_mut(half - in_first_word);
    let (upper_near, upper) = upper.split_at_mut(in_first_word);
    if half > 0 {
        swap_by_bits(lower_near, upper_near, stream.next_u32() >> (q % WORD_BITS));
    }

    let mut lower_words = lower.rchunks_exact_mut(WORD_BITS);
    let mut upper_words = upper.chunks_exact_mut(WORD_BITS);
    for (lower, upper) in (&mut lower_words).zip(&mut upper_words) {
        swap_word(lower, upper, stream.next_u32());
    }
    let (lower_far, upper_far) = (lower_words.into_remainder(), upper_words.into_remainder());
    if !upper_far.is_empty() {
        swap_by_bits(lower_far, upper_far, stream.next_u32());
    }
}

/// [`swap_by_bits`] for whole words, which is where the time goes: of fixed length, so that the compiler unrolls it.
fn swap_word(lower: &mut [u32], upper: &mut [u32], bits: u32) {
    let (Some(lower), Some(upper)) = (lower.first_chunk_mut::<WORD_BITS>(), upper.first_chunk_mut::<WORD_BITS>())
    else {
        return;
    };
    for j in 0..WORD_BITS {
        swap_if(bits & (1 << j) != 0, &mut lower[WORD_BITS - 1 - j], &mut upper[j]);
    }
}

/// Swaps the j-th of `upper` with the j-th last of `lower` where bit j is set.
fn swap_by_bits(lower: &mut [u32], upper: &mut [u32], bits: u32) {
    for (j, (low, high)) in lower.iter_mut().rev().zip(upper).enumerate() {
        swap_if(bits >> j & 1 == 1, low, high);
    }
}

/// Without a branch: the bits are random, so half of all predictions would fail.
#[inline(always)]
fn swap_if(swap: bool, low: &mut u32, high: &mut u32) {
    let difference = if swap { *low ^ *high } else { 0 };
    *low ^= difference;
    *high ^= difference;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nobody_and_one_alone() {
        let nobody = Shuffle::new(&[9; 32], 0);
        assert_eq!((nobody.place(0), nobody.index(0), nobody.all_places()), (None, None, Ok(vec![])));
        let alone = Shuffle::new(&[9; 32], 1);
        assert_eq!((alone.place(0), alone.index(0), alone.all_places()), (Some(0), Some(0), Ok(vec![0])));
        assert_eq!(alone.place(1), None);
    }

    #[test]
    fn every_small_n_is_a_bijection_and_all_ways_agree() {
        for n in 0..200 {
            let shuffle = Shuffle::new(&[n as u8; 32], n);
            let places = shuffle.all_places().unwrap();
            let mut seen = vec![false; places.len()];
            for (index, &place) in (0..).zip(&places) {
                assert!(!std::mem::replace(&mut seen[place as usize], true), "place {place} twice of {n}");
                assert_eq!(shuffle.place(index), Some(u64::from(place)), "index {index} of {n}");
                assert_eq!(shuffle.index(u64::from(place)), Some(index), "place {place} of {n}");
            }
        }
    }

    #[test]
    fn a_table_beyond_32_bits_is_refused() {
        assert_eq!(Shuffle::new(&[0; 32], 1 << 32).all_places(), Err(TooManyEntries(1 << 32)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn larger_n_agree_too(seed: Hash, n in 200_u64..20_000, at in 0_u64..20_000) {
            let shuffle = Shuffle::new(&seed, n);
            let places = shuffle.all_places().unwrap();
            let index = at % n;
            prop_assert_eq!(shuffle.place(index), Some(u64::from(places[index as usize])));
            let mut sorted = places;
            sorted.sort_unstable();
            prop_assert!(sorted.into_iter().eq(0..n as u32));
        }

        #[test]
        fn places_of_any_n_come_back(seed: Hash, n in 1_u64.., at: u64) {
            let shuffle = Shuffle::new(&seed, n);
            let place = shuffle.place(at % n).unwrap();
            prop_assert!(place < n);
            prop_assert_eq!(shuffle.index(place), Some(at % n));
        }

        #[test]
        fn mirror_is_subtraction_modulo_n(n in 1_u64.., x: u64, pivot: u64) {
            let (x, pivot) = (x % n, pivot % n);
            let expected = (u128::from(pivot) + u128::from(n) - u128::from(x)) % u128::from(n);
            prop_assert_eq!(u128::from(mirror(x, pivot, n)), expected);
        }
    }
}
