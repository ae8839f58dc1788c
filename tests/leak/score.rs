//! What became of a run.

use crate::eta::Waits;

/// The target for the p99 of what fans wait for an answer.
pub(crate) const TARGET_MS: u64 = 500;
/// The first seconds are a shop that fills up; nobody can use all of it.
pub(crate) const WARM_S: usize = 120;

/// One second of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Second {
    pub(crate) p99_ms: f64,
    pub(crate) answered: u64,
    pub(crate) refused: u64,
    pub(crate) active: u64,
    pub(crate) cap: u64,
    pub(crate) worked_s: f64,
    pub(crate) workers: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Score {
    pub(crate) seconds: Vec<Second>,
    pub(crate) seconds_above: usize,
    /// The highest p99 of a second, as a multiple of the target.
    pub(crate) overshoot: f64,
    /// Worker seconds that were used, after the shop has filled up.
    pub(crate) useful: f64,
    /// From the last time that the shop got workers back until 85% of them were used over ten seconds.
    pub(crate) recovery_s: Option<usize>,
    pub(crate) sessions: u64,
    pub(crate) admitted_per_minute: f64,
    pub(crate) admitted_in_silence: u64,
    pub(crate) waits: Waits,
}

impl Score {
    pub(crate) fn of(
        seconds: Vec<Second>,
        sessions: u64,
        admitted_s: &[f64],
        silent: Option<(u64, u64)>,
        waits: Waits,
    ) -> Self {
        let above = |second: &&Second| second.p99_ms > TARGET_MS as f64;
        let in_silence = |at_s: &&f64| silent.is_some_and(|(from, to)| (from as f64 + 10.0..to as f64).contains(*at_s));
        let warm = WARM_S as f64;
        let after = admitted_s.iter().filter(|at_s| **at_s >= warm).count() as f64;
        Self {
            seconds_above: seconds.iter().filter(above).count(),
            overshoot: seconds.iter().map(|second| second.p99_ms).fold(0.0, f64::max) / TARGET_MS as f64,
            useful: seconds.iter().skip(WARM_S).map(|second| second.worked_s).sum(),
            recovery_s: recovery_s(&seconds),
            sessions,
            admitted_per_minute: after * 60.0 / (seconds.len() as f64 - warm),
            admitted_in_silence: admitted_s.iter().filter(in_silence).count() as u64,
            waits,
            seconds,
        }
    }
}

fn recovery_s(seconds: &[Second]) -> Option<usize> {
    let back = seconds.windows(2).rposition(|pair| pair[1].workers > pair[0].workers)? + 1;
    let used = |from: usize| {
        let ten = &seconds[from..(from + 10).min(seconds.len())];
        let (worked, could) = ten.iter().fold((0.0, 0.0), |(a, b), s| (a + s.worked_s, b + s.workers as f64));
        worked >= 0.85 * could
    };
    (back..seconds.len()).find(|from| used(*from)).map(|from| from - back)
}

/// True if so many a minute and a burst at once bound the admissions in every window.
///
/// With x = (number so far) - rate · time, the count between any two is the rise of x plus what the rate gave.
pub(crate) fn windows_hold(admitted_s: &[f64], per_minute: f64, burst: f64) -> bool {
    let mut least = f64::INFINITY;
    admitted_s.iter().enumerate().all(|(number, at_s)| {
        let x = number as f64 - per_minute / 60.0 * at_s;
        least = least.min(x);
        x - least + 1.0 <= burst + 1e-3
    })
}
