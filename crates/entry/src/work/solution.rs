//! A solution of one table: its 40 bytes, and the check.
//!
//! Guarantees:
//! - one set of rows has one spelling
//! - a check makes 16 rows and allocates nothing
//! - whatever bit of a solution is turned, it is refused, but for a chance of 2⁻⁹⁰

use std::fmt;

use super::puzzle::{GROUP_BITS, PuzzleKey, ROWS, TABLES};

/// Rows of a solution.
pub const SOLUTION_ROWS: usize = 16;
/// Bytes of a solution: the table in 16 bits, and 16 row numbers of 19 bits, big-endian.
pub const SOLUTION_BYTES: usize = 40;

const ROW_BITS: usize = ROWS.trailing_zeros() as usize;

/// Sixteen rows of one table that XOR to zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Solution {
    /// The table, 0 to 4095.
    pub table: u16,
    /// The rows' numbers, in the order of the pairings.
    pub rows: [u32; SOLUTION_ROWS],
}

/// Why a solution is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SolutionError {
    /// There are 4,096 tables.
    #[error("the table is above 4095")]
    Table,
    /// Another spelling of the same rows, or a row twice.
    #[error("rows are not in the order of their pairings, or one stands twice")]
    Order,
    /// The rows do not agree where they must.
    #[error("the rows do not XOR to zero as the pairings ask")]
    Sum,
}

impl Solution {
    /// Reads what [`Self::to_bytes`] writes. Whether it solves anything, [`Self::check`] says.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; SOLUTION_BYTES]) -> Self {
        let table = u16::from_be_bytes([bytes[0], bytes[1]]);
        let rows = std::array::from_fn(|i| {
            let first = 16 + i * ROW_BITS;
            let window = (0..4).map(|at| bytes.get(first / 8 + at).copied().unwrap_or(0));
            let window = window.fold(0, |bits, byte| bits << 8 | u32::from(byte));
            window >> (32 - ROW_BITS - first % 8) & (ROWS - 1)
        });
        Self { table, rows }
    }

    /// The 40 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; SOLUTION_BYTES] {
        let mut bytes = [0; SOLUTION_BYTES];
        bytes[..2].copy_from_slice(&self.table.to_be_bytes());
        for (i, row) in self.rows.iter().enumerate() {
            let first = 16 + i * ROW_BITS;
            let window = (row & (ROWS - 1)) << (32 - ROW_BITS - first % 8);
            for (byte, part) in bytes[first / 8..].iter_mut().zip(window.to_be_bytes()) {
                *byte |= part;
            }
        }
        bytes
    }

    /// Whether it solves its table of this puzzle.
    ///
    /// # Errors
    /// Which rule it breaks first.
    pub fn check(&self, key: &PuzzleKey) -> Result<(), SolutionError> {
        if self.table >= TABLES {
            return Err(SolutionError::Table);
        }
        if !self.is_in_order() {
            return Err(SolutionError::Order);
        }
        let mut table = key.table(self.table);
        let mut sums = [0; SOLUTION_ROWS];
        // A pair is made and looked at before the next, so a guess costs two rows.
        for (at, row) in self.rows.iter().enumerate() {
            sums[at] = table.row(*row);
            for level in 1..=(at + 1).trailing_zeros() {
                let left = at + 1 - (1 << level);
                sums[left] ^= sums[left + (1 << (level - 1))];
                if sums[left] & agreed(level) != 0 {
                    return Err(SolutionError::Sum);
                }
            }
        }
        Ok(())
    }

    /// At each pairing the first number of the left half is the lower, and no number stands twice.
    fn is_in_order(&self) -> bool {
        let halves = |half: usize| (0..SOLUTION_ROWS).step_by(2 * half).map(move |at| (at, at + half));
        let mut pairings = [1, 2, 4, 8].into_iter().flat_map(halves);
        let mut sorted = self.rows;
        sorted.sort_unstable();
        pairings.all(|(left, right)| self.rows[left] < self.rows[right]) && sorted.windows(2).all(|two| two[0] < two[1])
    }
}

/// The bits that are zero in the sum of 2^level rows: a group a level, and of all 16 rows everything.
fn agreed(level: u32) -> u128 {
    if level == SOLUTION_ROWS.trailing_zeros() { u128::MAX } else { (1 << (GROUP_BITS * level)) - 1 }
}

impl fmt::Debug for Solution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.table, self.rows)
    }
}

#[cfg(test)]
#[path = "solution/tests.rs"]
pub(crate) mod tests;
