//! How long sessions last, from how many are inside and how many come and go (Little's law).
//!
//! Guarantee: nothing is concluded from fewer than [`ENDED_MIN`] sessions that have ended; what was long ago counts less.

/// What a session is taken to last while nothing is known.
const UNKNOWN_MS: f64 = 45_000.0;
/// Of fewer sessions nothing is concluded.
const ENDED_MIN: f64 = 20.0;
/// After so long something counts for a third.
const FADES_MS: f64 = 60_000.0;

/// How long sessions have lasted of late.
#[derive(Clone, Debug, Default)]
pub(super) struct Stay {
    last: Option<Count>,
    inside_ms: f64,
    ended: f64,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    at_ms: u64,
    active: f64,
    admitted: f64,
}

impl Stay {
    /// Takes a count of those inside and of those let in so far.
    pub(super) fn observe(&mut self, active: u64, admitted: u64, now_ms: u64) {
        let now = Count { at_ms: now_ms, active: active as f64, admitted: admitted as f64 };
        let Some(last) = self.last.replace(now) else { return };
        let ms = now_ms.saturating_sub(last.at_ms) as f64;
        let keeps = (-ms / FADES_MS).exp();
        let ended = (now.admitted - last.admitted) - (now.active - last.active);
        self.inside_ms = self.inside_ms * keeps + last.active * ms;
        self.ended = self.ended * keeps + ended.max(0.0);
    }

    /// How long one lasts, ms.
    pub(super) fn ms(&self) -> f64 {
        if self.ended < ENDED_MIN { UNKNOWN_MS } else { self.inside_ms / self.ended }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_those_inside_by_those_who_leave_in_a_moment() {
        let mut stay = Stay::default();
        (0..4).for_each(|second| stay.observe(100, 5 * second, second * 1_000));
        assert_eq!(stay.ms(), UNKNOWN_MS, "15 have left");
        (4..60).for_each(|second| stay.observe(100, 5 * second, second * 1_000));
        assert!((stay.ms() - 20_000.0).abs() < 500.0, "{}", stay.ms());
        // They leave twice as fast now.
        (60..240).for_each(|second| stay.observe(100, 10 * second - 300, second * 1_000));
        assert!((stay.ms() - 10_000.0).abs() < 1_000.0, "{}", stay.ms());
    }
}
