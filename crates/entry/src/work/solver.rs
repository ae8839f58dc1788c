//! Finding solutions: Wagner's algorithm for the generalized birthday problem, over four levels.
//!
//! Guarantee: finds what there is, in ascending order, in 29 MB that are allocated once. A full bucket drops what comes
//! after, which is a matter of ten standard deviations.
//!
//! A level's sums lie in 256 buckets by the high 8 bits of their lowest group. Those of one bucket fit a processor's cache,
//! so pairs are found there without a walk through memory.

use super::puzzle::{GROUP_BITS, PuzzleKey, TABLES};
use super::solution::{SOLUTION_ROWS, Solution};

const BUCKETS: usize = 256;
/// A bucket has about 2,048 sums, with a standard deviation of 50.
const BUCKET_MAX: usize = 2560;
const PLACES: usize = BUCKETS * BUCKET_MAX;
/// Low bits of a group: those that its bucket does not say.
const CHAIN_BITS: u32 = GROUP_BITS - BUCKETS.trailing_zeros();
const CHAINS: usize = 1 << CHAIN_BITS;
const NONE: u16 = u16::MAX;
/// Levels of pairing: pairs, fours, eights, and all sixteen.
const LEVELS: usize = SOLUTION_ROWS.trailing_zeros() as usize;

/// The sums of one level, without the groups that are zero already.
#[derive(Clone, Debug)]
struct Level {
    sums: Vec<[u32; 3]>,
    counts: [usize; BUCKETS],
}

impl Level {
    fn new() -> Self {
        Self { sums: vec![[0; 3]; PLACES], counts: [0; BUCKETS] }
    }

    /// Where a sum goes; `None` where its bucket is full.
    fn put(&mut self, sum: [u32; 3]) -> Option<usize> {
        let bucket = (sum[0] >> CHAIN_BITS) as usize % BUCKETS;
        let count = self.counts[bucket];
        if count == BUCKET_MAX {
            return None;
        }
        self.counts[bucket] = count + 1;
        let place = bucket * BUCKET_MAX + count;
        self.sums[place] = sum;
        Some(place)
    }
}

/// The memory in which tables are solved, one at a time.
#[derive(Clone, Debug)]
pub struct Solver {
    level: Level,
    next: Level,
    /// Of each level what a sum is made of: a row's number; later its bucket (8 bits) and both places in it (12 bits each).
    parts: [Vec<u32>; LEVELS + 1],
    /// The last sum of each chain in a bucket, and the one before each.
    heads: [u16; CHAINS],
    links: [u16; BUCKET_MAX],
}

impl Default for Solver {
    fn default() -> Self {
        Self::new()
    }
}

impl Solver {
    /// Takes its memory.
    #[must_use]
    pub fn new() -> Self {
        let parts = std::array::from_fn(|_| vec![0; PLACES]);
        Self { level: Level::new(), next: Level::new(), parts, heads: [NONE; CHAINS], links: [NONE; BUCKET_MAX] }
    }

    /// The solutions of a table, in ascending order: two on average, and none of one table in seven.
    #[must_use]
    pub fn solve(&mut self, key: &PuzzleKey, table: u16) -> Vec<Solution> {
        self.next.counts.fill(0);
        for (number, row) in (0..).zip(key.table(table).rows()) {
            if let Some(place) = self.next.put(row) {
                self.parts[0][place] = number;
            }
        }
        for level in 1..=LEVELS {
            std::mem::swap(&mut self.level, &mut self.next);
            self.next.counts.fill(0);
            (0..BUCKETS).for_each(|bucket| self.pair_up(bucket, level));
        }
        // What leaves nothing is in the first bucket.
        let made = &self.parts[LEVELS][..self.next.counts[0]];
        let found = made.iter().map(|part| Solution { table, rows: self.rows(*part) });
        let mut found: Vec<Solution> = found.filter(is_of_different_rows).collect();
        found.sort_unstable();
        found
    }

    /// The least solutions of as many tables as asked for, from table 0 on. `goes_on` hears after each table its number and how
    /// many are solved; there are fewer where it said no.
    #[must_use]
    pub fn solve_all(
        &mut self,
        key: &PuzzleKey,
        effort: u32,
        mut goes_on: impl FnMut(u16, usize) -> bool,
    ) -> Vec<Solution> {
        let mut solved = Vec::new();
        for table in 0..TABLES {
            solved.extend(self.solve(key, table).first());
            if !goes_on(table, solved.len()) || solved.len() >= effort as usize {
                break;
            }
        }
        solved
    }

    /// Pairs the sums of a bucket that agree in their lowest group. Of the last level, only those that leave nothing.
    fn pair_up(&mut self, bucket: usize, level: usize) {
        let first = bucket * BUCKET_MAX;
        let sums = &self.level.sums[first..first + self.level.counts[bucket]];
        self.heads.fill(NONE);
        for (right, sum) in sums.iter().enumerate() {
            let chain = sum[0] as usize % CHAINS;
            let mut left = self.heads[chain];
            self.links[right] = left;
            self.heads[chain] = right as u16;
            while left != NONE {
                let other = sums[usize::from(left)];
                let [x0, x1, x2] = std::array::from_fn(|i| sum[i] ^ other[i]);
                if level < LEVELS || x0 | x1 == 0 {
                    let shorter = [x0 >> 18 | x1 << 14, x1 >> 18 | x2 << 14, x2 >> 18];
                    if let Some(place) = self.next.put(shorter) {
                        self.parts[level][place] = (bucket << 24 | usize::from(left) << 12 | right) as u32;
                    }
                }
                left = self.links[usize::from(left)];
            }
        }
    }

    /// The row numbers of a sum of all sixteen: of two halves the one with the lower first number is on the left.
    fn rows(&self, part: u32) -> [u32; SOLUTION_ROWS] {
        let mut rows = [part; SOLUTION_ROWS];
        for level in (0..LEVELS).rev() {
            let half = 1 << level;
            for at in (0..SOLUTION_ROWS).step_by(2 * half) {
                let (bucket, places) = (rows[at] as usize >> 24, [rows[at] >> 12, rows[at]]);
                let [left, right] = places.map(|place| self.parts[level][bucket * BUCKET_MAX + place as usize % 4096]);
                rows[at] = left;
                rows[at + half] = right;
            }
        }
        for half in [1, 2, 4, 8] {
            for both in rows.chunks_exact_mut(2 * half) {
                let (left, right) = both.split_at_mut(half);
                if left[0] > right[0] {
                    left.swap_with_slice(right);
                }
            }
        }
        rows
    }
}

/// Sums that share a row cancel it, and are no solution.
fn is_of_different_rows(solution: &Solution) -> bool {
    let mut rows = solution.rows;
    rows.sort_unstable();
    rows.windows(2).all(|two| two[0] != two[1])
}

#[cfg(test)]
mod tests {
    use super::super::puzzle::tests::published;
    use super::super::solution::tests::two;
    use super::*;

    #[test]
    fn the_published_tables_have_their_solutions() {
        let mut solver = Solver::new();
        let found: Vec<_> = (0..8).map(|table| solver.solve(&published(), table)).collect();
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 1, 2, 3, 3, 2, 3]);
        assert_eq!([found[0][0], found[1][0]], two());
        for solution in found.iter().flatten() {
            assert_eq!(solution.check(&published()), Ok(()));
        }
    }

    #[test]
    fn work_is_the_least_solution_of_each_table_that_has_any() {
        let mut tables = Vec::new();
        let solved = Solver::new().solve_all(&published(), 3, |table, solved| {
            tables.push((table, solved));
            true
        });
        assert_eq!(solved[..2], two());
        assert_eq!(tables, [(0, 1), (1, 2), (2, 3)]);
        assert_eq!(Solver::new().solve_all(&published(), 3, |_, _| false), [two()[0]]);
    }

    #[test]
    fn a_table_without_a_solution_is_passed_over() {
        assert_eq!(Solver::new().solve(&published(), 21), []);
    }
}
