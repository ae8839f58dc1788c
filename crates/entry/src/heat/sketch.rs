//! A count-min sketch (Cormode and Muthukrishnan, 2005) of 16-bit counters, and linear counting on it (Whang et al.,
//! 1990).
//!
//! Guarantees:
//! - memory is fixed
//! - a count is never too low, up to 65,535, where counters stay
//! - it is too high by at most total · e / columns in all but e⁻⁴ (2%) of look-ups

use serde::{Deserialize, Serialize};

use super::network::NetworkTag;

/// Rows: each network has a counter in each.
pub const ROWS: usize = 4;
/// Columns of a sketch for up to 2²⁰ entries: 256 KB.
pub const COLUMNS_SMALL: usize = 1 << 15;
/// Columns of a larger one: 8 MB.
pub const COLUMNS_LARGE: usize = 1 << 20;

const MAGIC: &[u8; 8] = b"FAIRHEAT";
const HEADER_BYTES: usize = 24;

/// Why bytes are no sketch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the counts of networks are damaged; they start anew")]
pub struct SketchError;

/// Counts of one prefix length in one draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch {
    /// Row after row.
    counters: Vec<u16>,
    columns: usize,
    total: u64,
}

impl Sketch {
    /// An empty sketch for a draw of about so many entries.
    #[must_use]
    pub fn new(expected_entries: u64) -> Self {
        Self::with_columns(if expected_entries > COLUMNS_LARGE as u64 { COLUMNS_LARGE } else { COLUMNS_SMALL })
    }

    /// An empty sketch of one of the two sizes; the smaller one for any other number.
    #[must_use]
    pub fn with_columns(columns: usize) -> Self {
        let columns = if columns == COLUMNS_LARGE { COLUMNS_LARGE } else { COLUMNS_SMALL };
        Self { counters: vec![0; ROWS * columns], columns, total: 0 }
    }

    /// A sketch of counters as a store keeps them, big-endian; those that are missing are zero. It knows no total.
    #[must_use]
    pub fn of_counters(columns: usize, counters: &[u8]) -> Self {
        let mut sketch = Self::with_columns(columns);
        for (own, kept) in sketch.counters.iter_mut().zip(counters.as_chunks::<2>().0) {
            *own = u16::from_be_bytes(*kept);
        }
        sketch
    }

    /// The counters, row after row.
    #[must_use]
    pub fn counters(&self) -> &[u16] {
        &self.counters
    }

    /// Columns of a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// True if the network's counter in the first row is zero.
    #[must_use]
    pub fn is_new_in_first_row(&self, network: &NetworkTag) -> bool {
        self.counters[self.places(network)[0]] == 0
    }

    /// Columns of the first row that are in use.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.counters[..self.columns].iter().map(|counter| u32::from(*counter != 0)).sum()
    }

    /// A network has at least so many entries.
    pub fn raise(&mut self, network: &NetworkTag, entries: u16) {
        for place in self.places(network) {
            self.counters[place] = self.counters[place].max(entries);
        }
    }

    /// Adds entries of a network; answers its count from now on.
    pub fn add(&mut self, network: &NetworkTag, entries: u16) -> u16 {
        self.total = self.total.saturating_add(entries.into());
        // Conservative update (Estan and Varghese, 2002): no counter rises above what the count can be.
        let count = self.count(network).saturating_add(entries);
        for place in self.places(network) {
            self.counters[place] = self.counters[place].max(count);
        }
        count
    }

    /// Entries of a network; never fewer than there were, up to 65,535.
    #[must_use]
    pub fn count(&self, network: &NetworkTag) -> u16 {
        self.places(network).map(|place| self.counters[place]).into_iter().min().unwrap_or(0)
    }

    /// All entries.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// About how many networks there are: `−m · ln(V / m)` by the first row's zeros V of m columns.
    ///
    /// Within a few percent up to 2 · m networks, and a lower bound beyond, when no counter of the row is zero.
    #[must_use]
    pub fn networks(&self) -> f64 {
        linear_count(self.used() as usize, self.columns)
    }

    /// The crowd's own mean: entries a network; 1 while there is none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        (self.total as f64 / self.networks().max(1.0)).max(1.0)
    }

    /// As it is kept: magic, columns, total, counters (big-endian).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + 2 * self.counters.len());
        bytes.extend(MAGIC);
        bytes.extend((self.columns as u64).to_be_bytes());
        bytes.extend(self.total.to_be_bytes());
        bytes.extend(self.counters.iter().flat_map(|counter| counter.to_be_bytes()));
        bytes
    }

    /// Reads what [`Self::to_bytes`] writes.
    ///
    /// # Errors
    /// When it is something else.
    pub fn read(bytes: &[u8]) -> Result<Self, SketchError> {
        let (header, counters) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(SketchError)?;
        let number = |from: usize| header[from..from + 8].iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        let columns = usize::try_from(number(8)).map_err(|_| SketchError)?;
        let is_size = [COLUMNS_SMALL, COLUMNS_LARGE].contains(&columns) && counters.len() == 2 * ROWS * columns;
        if header[..8] != *MAGIC || !is_size {
            return Err(SketchError);
        }
        let counters = counters.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
        Ok(Self { counters, columns, total: number(16) })
    }

    /// The counter of a network in each row: two halves of the tag give four places (Kirsch and Mitzenmacher, 2006).
    ///
    /// Tags are keyed, so nobody aims at another's counters.
    fn places(&self, network: &NetworkTag) -> [usize; ROWS] {
        let [a, b, c, d, e, f, g, h] = network.0;
        let (first, step) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]) | 1);
        std::array::from_fn(|row| {
            let hash = first.wrapping_add(step.wrapping_mul(row as u32));
            // The highest bits: columns are a power of two of at most 2²⁰.
            row * self.columns + ((u64::from(hash) * self.columns as u64) >> 32) as usize
        })
    }
}

/// `−m · ln(V / m)` by the columns in use of m, V of which are not.
#[must_use]
pub fn linear_count(used: usize, columns: usize) -> f64 {
    let (zeros, columns) = (columns.saturating_sub(used).max(1) as f64, columns.max(1) as f64);
    -columns * (zeros / columns).ln()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn tag(number: u64) -> NetworkTag {
        let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        NetworkTag((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9).to_be_bytes())
    }

    #[test]
    fn its_size_follows_from_the_draw() {
        let kilobytes = |entries| (Sketch::new(entries).to_bytes().len() - HEADER_BYTES) / 1024;
        assert_eq!([0, 1 << 20, (1 << 20) + 1, 14_000_000].map(kilobytes), [256, 256, 8192, 8192]);
    }

    #[test]
    fn a_full_draw_is_counted_within_the_bound() {
        let (networks, entries) = (200_000u64, 1_000_000u64);
        let mut sketch = Sketch::new(entries);
        for entry in 0..entries {
            sketch.add(&tag(entry % networks), 1);
        }
        assert_eq!(sketch.total(), entries);
        let bound = 5 + (entries as f64 * std::f64::consts::E / COLUMNS_SMALL as f64) as u16;
        let over = (0..networks).filter(|n| sketch.count(&tag(*n)) > bound).count();
        assert!(over as f64 / (networks as f64) < 0.02, "{over} networks above {bound}");
        assert!((0..networks).all(|n| sketch.count(&tag(n)) >= 5));
    }

    #[test]
    fn networks_are_counted_within_some_percent() {
        for networks in [1u64, 10, 1000, 30_000, 60_000] {
            let mut sketch = Sketch::new(0);
            for n in 0..networks {
                sketch.add(&tag(n), 3);
            }
            let (found, allowed) = (sketch.networks(), 0.05 * networks as f64 + 1.0);
            assert!((found - networks as f64).abs() < allowed, "{found} of {networks}");
            assert!((sketch.mean() - 3.0).abs() < 0.5 || networks < 10, "{}", sketch.mean());
        }
        let full = Sketch { counters: vec![1; ROWS * COLUMNS_SMALL], columns: COLUMNS_SMALL, total: 9 };
        assert!(full.networks().is_finite() && full.mean() == 1.0);
        assert_eq!((Sketch::new(0).networks(), Sketch::new(0).mean()), (0.0, 1.0));
    }

    #[test]
    fn counters_stay_at_their_end() {
        let mut sketch = Sketch::new(0);
        assert_eq!([u16::MAX - 1, 1, 1].map(|entries| sketch.add(&tag(1), entries)), [65_534, 65_535, 65_535]);
        assert_eq!(sketch.count(&tag(1)), 65_535);
        assert_eq!(sketch.total(), 65_536);
    }

    #[test]
    fn it_is_kept_whole_or_not_at_all() {
        let mut sketch = Sketch::new(0);
        sketch.add(&tag(7), 300);
        let bytes = sketch.to_bytes();
        assert_eq!(Sketch::read(&bytes), Ok(sketch));
        for wrong in [&bytes[1..], &bytes[..bytes.len() - 2], &[], &bytes[..HEADER_BYTES], &[&bytes[..], &[0]].concat()]
        {
            assert_eq!(Sketch::read(wrong), Err(SketchError));
        }
    }

    proptest! {
        #[test]
        fn a_count_is_never_too_low(adds in proptest::collection::vec((0u64..50, 1u16..2000), 1..200)) {
            let (mut sketch, mut exact) = (Sketch::new(0), HashMap::<u64, u32>::new());
            for (network, entries) in adds {
                let told = sketch.add(&tag(network), entries);
                let count = exact.entry(network).or_default();
                *count += u32::from(entries);
                prop_assert!(u32::from(told) >= (*count).min(65_535));
            }
            for (network, count) in exact {
                prop_assert!(u32::from(sketch.count(&tag(network))) >= count.min(65_535));
            }
        }
    }
}
