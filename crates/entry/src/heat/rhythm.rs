//! Arrivals that come as if by a clock.
//!
//! Guarantees:
//! - memory is fixed
//! - a network is called regular only after 32 joins in a row whose gaps vary by less than a fifth of their mean
//!
//! People's gaps vary by about their mean, and so do a crowd's behind one address.

use super::network::NetworkTag;

/// Joins before a network is judged.
pub const JOINS_MIN: u32 = 32;
/// Variation (standard deviation by mean) below which gaps are regular.
pub const VARIATION: f64 = 0.2;

/// Networks that are watched at once; a newer one takes an older one's row.
const ROWS: usize = 1 << 14;
/// A pause that begins a new run: who comes again after minutes is not the same burst.
const PAUSE_MS: u64 = 60_000;

#[derive(Clone, Copy)]
struct Run {
    network: NetworkTag,
    last_ms: u64,
    gaps: u32,
    mean_ms: f64,
    /// Sum of squared differences from the mean (Welford, 1962).
    squares: f64,
}

/// The runs of joins that an edge sees.
pub struct Rhythms {
    runs: Vec<Option<Run>>,
}

impl std::fmt::Debug for Rhythms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rhythms(..)")
    }
}

impl Default for Rhythms {
    fn default() -> Self {
        Self { runs: vec![None; ROWS] }
    }
}

impl Rhythms {
    /// Notes a join; answers true if those of its network come as if by a clock.
    pub fn note(&mut self, network: NetworkTag, now_ms: u64) -> bool {
        let row = usize::from(u16::from_be_bytes([network.0[0], network.0[1]])) % ROWS;
        let known =
            self.runs[row].filter(|run| run.network == network && now_ms.saturating_sub(run.last_ms) <= PAUSE_MS);
        let run = match known {
            Some(run) => run.after(now_ms),
            None => Run { network, last_ms: now_ms, gaps: 0, mean_ms: 0.0, squares: 0.0 },
        };
        self.runs[row] = Some(run);
        run.is_regular()
    }
}

impl Run {
    fn after(self, now_ms: u64) -> Self {
        let gap = now_ms.saturating_sub(self.last_ms) as f64;
        let gaps = self.gaps.saturating_add(1);
        let before = gap - self.mean_ms;
        let mean_ms = self.mean_ms + before / f64::from(gaps);
        let squares = self.squares + before * (gap - mean_ms);
        Self { last_ms: self.last_ms.max(now_ms), gaps, mean_ms, squares, ..self }
    }

    fn is_regular(&self) -> bool {
        // Gaps that are below the clock's step say nothing: many joins of one batch have the same time.
        let variance = self.squares / f64::from(self.gaps.max(1));
        self.gaps + 1 >= JOINS_MIN && self.mean_ms >= 1.0 && variance.sqrt() < VARIATION * self.mean_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: NetworkTag = NetworkTag([1, 2, 3, 4, 5, 6, 7, 8]);

    /// At which join of these times the network is called regular.
    fn first_regular(times_ms: impl IntoIterator<Item = u64>) -> Option<usize> {
        let mut rhythms = Rhythms::default();
        times_ms.into_iter().position(|now_ms| rhythms.note(NETWORK, now_ms)).map(|place| place + 1)
    }

    #[test]
    fn a_clock_is_seen_at_the_32nd_join() {
        assert_eq!(first_regular((0..100).map(|n| 5_000 + n * 250)), Some(32));
        // A tenth of jitter is still a clock.
        assert_eq!(first_regular((0..100).map(|n| 5_000 + n * 250 + (n % 3) * 12)), Some(32));
    }

    #[test]
    fn people_are_not_regular() {
        // Exponential gaps with mean 250 ms, by inversion of a low-discrepancy sequence: variation about 1.
        let mut now_ms = 5_000;
        let times = (1..400u64).map(|n| {
            let share = (n as f64 * 0.618_033_988_749).fract();
            now_ms += (-250.0 * (1.0 - share).ln()) as u64;
            now_ms
        });
        assert_eq!(first_regular(times.collect::<Vec<_>>()), None);
        assert_eq!(first_regular(std::iter::repeat_n(5_000, 100)), None, "one batch, one time");
    }

    #[test]
    fn a_pause_begins_anew_and_so_does_another_network() {
        let pause = (0..31).map(|n| n * 250).chain((0..31).map(|n| 31 * 250 + 60_001 + n * 250));
        assert_eq!(first_regular(pause), None);
        let mut rhythms = Rhythms::default();
        let other = NetworkTag([1, 2, 9, 9, 9, 9, 9, 9]);
        let regular = (0..64).filter(|n| rhythms.note(if n % 2 == 0 { NETWORK } else { other }, n * 250)).count();
        assert_eq!(regular, 0, "two networks of one row take it from each other");
    }

    #[test]
    fn a_clock_that_goes_back_does_no_harm() {
        assert_eq!(first_regular([5_000, 4_000, 3_000, u64::MAX, 0]), None);
    }
}
