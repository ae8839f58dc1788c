//! The puzzle's key and its tables.
//!
//! Guarantees:
//! - a key serves one draw, one minute and one entry
//! - a row is made by itself, so a check makes 16 of a table's 524,288 rows
//!
//! The keystream of a table is ChaCha20 as the draw's protocol has it: 20 rounds, a 64-bit block counter from 0, the table's
//! number as the 64-bit stream number. A block of 16 words gives five rows of three words; the 16th word is dropped, and so
//! are the high 6 bits of each third word.

use std::fmt;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::bond::Bond;
use crate::tagged;

/// Tables of one puzzle.
pub const TABLES: u16 = 4096;
/// Rows of a table: 2¹⁹.
pub const ROWS: u32 = 1 << 19;
/// Bits of a group; a row has five groups.
pub(crate) const GROUP_BITS: u32 = 18;
/// The 26 bits of a row's third word that count.
const THIRD_WORD: u32 = (1 << 26) - 1;
const ROWS_A_BLOCK: u32 = 5;
const WORDS_A_BLOCK: usize = 16;

/// The key of the puzzle that belongs to one entry and one epoch. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PuzzleKey([u8; 32]);

impl PuzzleKey {
    /// `H(DST("fairgate/v2/work") ‖ D ‖ seed_e ‖ b)`.
    ///
    /// `draw` is the digest D, `seed` that of the [epoch](crate::epoch::Epoch::seed).
    #[must_use]
    pub fn of(draw: &[u8; 32], seed: &[u8; 16], bond: &Bond) -> Self {
        Self(tagged("fairgate/v2/work", &[draw, seed, bond.bytes()]))
    }

    /// The key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// As the browser's solver takes it: 64 hex digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// A table of this puzzle.
    pub(crate) fn table(&self, table: u16) -> Table {
        let mut keystream = ChaCha20Rng::from_seed(self.0);
        keystream.set_stream(table.into());
        Table(keystream)
    }
}

impl fmt::Debug for PuzzleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PuzzleKey({})", self.to_hex())
    }
}

/// A table, whose rows are made as they are asked for.
pub(crate) struct Table(ChaCha20Rng);

impl Table {
    /// One row: 90 bits, the first group lowest.
    pub(crate) fn row(&mut self, row: u32) -> u128 {
        let block = row / ROWS_A_BLOCK;
        self.0.set_word_pos(u128::from(block) * WORDS_A_BLOCK as u128 + u128::from(row % ROWS_A_BLOCK * 3));
        let [w0, w1, w2] = self.words();
        u128::from(w0) | u128::from(w1) << 32 | u128::from(w2) << 64
    }

    /// All rows in order, as three words each.
    pub(crate) fn rows(mut self) -> impl Iterator<Item = [u32; 3]> {
        self.0.set_word_pos(0);
        (0..ROWS).map(move |row| {
            let words = self.words();
            if row % ROWS_A_BLOCK == ROWS_A_BLOCK - 1 {
                self.0.next_u32();
            }
            words
        })
    }

    fn words(&mut self) -> [u32; 3] {
        [self.0.next_u32(), self.0.next_u32(), self.0.next_u32() & THIRD_WORD]
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::epoch::Epoch;
    use crate::vectors::{EPOCH, bytes, draw, key, nonce};

    /// The key of the published vectors.
    pub(crate) fn published() -> PuzzleKey {
        PuzzleKey::of(&draw(), &Epoch(EPOCH).seed(&key(0x44), &draw()), &Bond::of(&nonce(), b""))
    }

    #[test]
    fn the_key_is_as_published() {
        assert_eq!(published().0, bytes("b5a34de3646320db255f7a43e1c33d1acccbfc2bd5afd5eef84a169286614069"));
    }

    #[test]
    fn the_keystream_is_that_of_the_original_cipher() {
        // Key, counter and stream of zeros: 76b8e0ad a0f13d90 405d6ae5 5386bd28 …, and block 1 begins with 9f07e7be.
        let mut table = PuzzleKey([0; 32]).table(0);
        let first = 0xade0_b876_u128 | 0x903d_f1a0 << 32 | (0xe56a_5d40 & 0x3ff_ffff) << 64;
        assert_eq!(table.row(0), first);
        assert_eq!(table.row(5) & 0xffff_ffff, 0xbee7_079f);
    }

    #[test]
    fn a_row_is_the_same_alone_and_among_all() {
        let all: Vec<[u32; 3]> = published().table(7).rows().collect();
        assert_eq!(all.len(), ROWS as usize);
        let mut table = published().table(7);
        for row in [0, 1, 4, 5, 9, 1000, 262_143, ROWS - 4, ROWS - 1] {
            let [w0, w1, w2] = all[row as usize].map(u128::from);
            assert_eq!(table.row(row), w0 | w1 << 32 | w2 << 64, "{row}");
        }
    }
}
