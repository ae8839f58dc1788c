//! What became of a run, in the words of the simulation's table (`tests/leak/score.rs`).

use fairgate_crowd::ShopSecond;

/// The target for the p99 of what those inside wait for an answer.
pub(super) const TARGET_MS: u64 = 500;
/// The first seconds are a shop that fills up.
const WARM_S: usize = 15;

/// One second: how the shop felt, and what went by on the way to the database, of what could have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Second {
    pub(super) shop: ShopSecond,
    pub(super) passed: u64,
    pub(super) capacity: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Score {
    pub(super) seconds: usize,
    pub(super) seconds_above: usize,
    /// The highest p99 of a second, as a multiple of the target.
    pub(super) overshoot: f64,
    /// From when the database had its capacity back until 85% of it were used over ten seconds and answers came in time.
    pub(super) recovery_s: Option<usize>,
    /// The share of the database's capacity that was used, after the shop has filled up.
    pub(super) utilisation: f64,
    pub(super) turned_away: u64,
}

impl Score {
    pub(super) fn of(seconds: &[Second]) -> Self {
        let p99s = || seconds.iter().map(|second| second.shop.p99_ms);
        Self {
            seconds: seconds.len(),
            seconds_above: p99s().filter(|p99_ms| *p99_ms > TARGET_MS as f64).count(),
            overshoot: p99s().fold(0.0, f64::max) / TARGET_MS as f64,
            recovery_s: recovery_s(seconds),
            utilisation: used(seconds.get(WARM_S..).unwrap_or_default()),
            turned_away: seconds.iter().map(|second| second.shop.turned_away).sum(),
        }
    }
}

fn used(seconds: &[Second]) -> f64 {
    let (passed, capacity) = seconds.iter().fold((0, 0), |(a, b), second| (a + second.passed, b + second.capacity));
    passed as f64 / capacity.max(1) as f64
}

fn recovery_s(seconds: &[Second]) -> Option<usize> {
    let back = seconds.windows(2).rposition(|pair| pair[1].capacity > pair[0].capacity)? + 1;
    let is_well = |ten: &[Second]| {
        let in_time = ten.iter().filter(|second| second.shop.p99_ms <= TARGET_MS as f64).count();
        used(ten) >= 0.85 && in_time >= 9
    };
    seconds[back..].windows(10).position(is_well)
}
