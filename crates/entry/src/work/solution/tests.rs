use proptest::prelude::*;

use super::super::puzzle::tests::published;
use super::*;

const FIRST: [u32; 16] = [
    7230, 323_587, 171_337, 415_165, 239_734, 329_970, 439_762, 475_180, 9006, 310_083, 34_819, 226_614, 128_793,
    428_778, 310_053, 468_461,
];
const SECOND: [u32; 16] = [
    10_921, 409_866, 215_884, 247_650, 25_503, 71_803, 330_999, 510_860, 61_041, 413_613, 86_146, 451_649, 199_201,
    310_783, 358_560, 447_798,
];

/// The published solutions of the tables 0 and 1.
pub(crate) fn two() -> [Solution; 2] {
    [Solution { table: 0, rows: FIRST }, Solution { table: 1, rows: SECOND }]
}

/// The same as the wire has them.
pub(crate) const TWO: &str =
    "AAADh9PADU6k5VvXUO1CPLWul0AsBGXS7QxEAbdTY-4zorql2S8l7QABBVU5BCmlpjx2IMc-Rh7oZ7_LjB3OOT60qEFuRBYUQy9_68UG1TY";

#[test]
fn the_published_ones_solve_their_tables_only() {
    for solution in two() {
        assert_eq!(solution.check(&published()), Ok(()));
        let elsewhere = Solution { table: solution.table + 2, ..solution };
        assert_eq!(elsewhere.check(&published()), Err(SolutionError::Sum));
        assert_eq!(solution.check(&PuzzleKey::from_bytes([0; 32])), Err(SolutionError::Sum));
    }
}

#[test]
fn the_rules_have_their_errors() {
    let [good, _] = two();
    assert_eq!(Solution { table: TABLES, ..good }.check(&published()), Err(SolutionError::Table));
    for half in [1, 2, 4, 8] {
        // The same rows with two halves swapped: they still XOR to zero.
        let mut rows = good.rows;
        let (left, right) = rows.split_at_mut(half);
        left.swap_with_slice(&mut right[..half]);
        assert_eq!(Solution { rows, ..good }.check(&published()), Err(SolutionError::Order), "{half}");
    }
}

/// Rows that cancel themselves are no solution, though they XOR to zero and are in order.
#[test]
fn no_row_counts_twice() {
    let rows = std::array::from_fn(|i| (i / 2) as u32);
    assert_eq!(Solution { table: 0, rows }.check(&published()), Err(SolutionError::Order));
    let rows = [1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2];
    assert_eq!(Solution { table: 0, rows }.check(&published()), Err(SolutionError::Order));
}

proptest! {
    #[test]
    fn a_turned_bit_is_refused(which in 0usize..2, bit in 0usize..320) {
        let mut bytes = two()[which].to_bytes();
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
        prop_assert!(Solution::from_bytes(&bytes).check(&published()).is_err());
    }

    #[test]
    fn bytes_and_rows_are_one(table: u16, rows in prop::array::uniform16(0..ROWS)) {
        let solution = Solution { table, rows };
        prop_assert_eq!(Solution::from_bytes(&solution.to_bytes()), solution);
    }

    #[test]
    fn any_40_bytes_are_spelled_so(bytes in prop::collection::vec(any::<u8>(), SOLUTION_BYTES)) {
        let bytes: [u8; SOLUTION_BYTES] = bytes.try_into().expect("40 bytes");
        prop_assert_eq!(Solution::from_bytes(&bytes).to_bytes(), bytes);
    }
}

/// Not some: every bit of both.
#[test]
fn every_turned_bit_is_refused() {
    for solution in two() {
        for bit in 0..8 * SOLUTION_BYTES {
            let mut bytes = solution.to_bytes();
            bytes[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(Solution::from_bytes(&bytes).check(&published()).is_err(), "{solution:?}, bit {bit}");
        }
    }
}
