//! Times that lie apart, for those who are turned away together.

use std::sync::atomic::{AtomicU32, Ordering};

/// The golden ratio of 2^32: each step lands in the widest gap that the ones before have left.
const STEP: u32 = 0x9E37_79B9;

/// Gives times that are spread evenly, however many ask at the same instant.
#[derive(Debug, Default)]
pub struct Spread(AtomicU32);

impl Spread {
    /// The next time within so many ms.
    #[inline]
    pub fn next_ms(&self, within_ms: u64) -> u64 {
        let point = self.0.fetch_add(STEP, Ordering::Relaxed);
        (u64::from(point) * within_ms.min(u32::MAX.into())) >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_comes_back_evenly() {
        let spread = Spread::default();
        let mut in_each_s = [0; 10];
        (0..5_000).for_each(|_| in_each_s[spread.next_ms(10_000) as usize / 1_000] += 1);
        assert!(in_each_s.iter().all(|count| (490..=510).contains(count)), "{in_each_s:?}");
        let few: Vec<u64> = (0..3).map(|_| spread.next_ms(9_000) / 3_000).collect();
        assert!([0, 1, 2].iter().all(|third| few.contains(third)), "{few:?}");
    }
}
