//! Who comes when, to which edge, and who stays away when called: all decided by a fan's number.

use super::calendar::TICK_MS;
use super::options::{Options, REGIONS};

const MINUTE_MS: u64 = 60_000;
/// Paper time begins here; fans who come before the pool opens come within the first five minutes.
pub(super) const BEGIN_MS: u64 = 1_800_000_000_000;
pub(super) const OPENS_AT_MS: u64 = BEGIN_MS + 6 * MINUTE_MS;
const BEFORE_WITHIN_MS: u64 = 5 * MINUTE_MS;
/// Latecomers come within this time of the start.
const LATE_WITHIN_MS: u64 = 20 * MINUTE_MS;

/// All fans. The lowest numbers come before the pool opens, the highest after the start.
pub(super) struct Crowd {
    fans: u64,
    /// Fans below come before the pool opens.
    before: u64,
    /// Fans from here on come after the start.
    late: u64,
    starts_at_ms: u64,
    no_show_percent: u64,
    /// Edges by fan: as many slots as fans of a hundred, times the edges of a region.
    edge_of: Vec<u16>,
}

impl Crowd {
    pub(super) fn new(options: &Options) -> Self {
        let fans = u64::from(options.fans);
        let percent = |percent: u32| fans * u64::from(percent) / 100;
        let before = percent(options.before_percent);
        Self {
            fans,
            before,
            late: fans.saturating_sub(percent(options.late_percent)).max(before),
            starts_at_ms: OPENS_AT_MS + options.pool_minutes * MINUTE_MS,
            no_show_percent: options.no_show_percent.into(),
            edge_of: spread(options.edges),
        }
    }

    pub(super) fn starts_at_ms(&self) -> u64 {
        self.starts_at_ms
    }

    /// The fans who come in a tick: steadily within each of the three stretches of time.
    pub(super) fn arrivals(&self, now_ms: u64) -> impl Iterator<Item = u32> {
        let stretches = [
            (0, self.before, BEGIN_MS, BEFORE_WITHIN_MS),
            (self.before, self.late, OPENS_AT_MS, self.starts_at_ms - OPENS_AT_MS),
            (self.late, self.fans, self.starts_at_ms, LATE_WITHIN_MS),
        ];
        stretches.into_iter().flat_map(move |(from, to, begins_at_ms, lasts_ms)| {
            let arrived = |at_ms: u64| from + (to - from) * at_ms.saturating_sub(begins_at_ms).min(lasts_ms) / lasts_ms;
            (arrived(now_ms)..arrived(now_ms + TICK_MS)).map(|fan| fan as u32)
        })
    }

    /// True if a fan sits before the page when the pool opens.
    pub(super) fn sees_it_open(&self, fan: u32) -> bool {
        u64::from(fan) < self.before
    }

    pub(super) fn edge(&self, fan: u32) -> usize {
        // A multiplicative hash: which edge somebody is near has nothing to do with when they come.
        let slot = u64::from(fan).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        usize::from(self.edge_of[slot as usize % self.edge_of.len()])
    }

    pub(super) fn goes_away(&self, fan: u32) -> bool {
        let roll = u64::from(fan).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 40;
        roll % 100 < self.no_show_percent
    }
}

/// Which edge each of a hundred fans of each edge of a region is near.
fn spread(edges: u32) -> Vec<u16> {
    let mut slots = Vec::new();
    for (region, of) in REGIONS.iter().enumerate() {
        for edge in 0..edges {
            let number = (region as u32 * edges + edge) as u16;
            slots.extend(std::iter::repeat_n(number, of.fans_percent as usize));
        }
    }
    slots
}
