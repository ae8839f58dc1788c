//! When a waiting page asks again: the rules of `pages/waiting/pace.js`, for whoever plays a fan.

use crate::wire::{Phase, Status};

/// What a status says of polling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Poll {
    /// The shortest pause, ms.
    pub floor_ms: u64,
    /// The longest pause, ms.
    pub ceiling_ms: u64,
    /// The share of the time that is left.
    pub divisor: u64,
}

/// The longest that joins are spread over when a pool opens, ms.
const JOIN_SPREAD_MS_MAX: f64 = 60_000.0;

/// The pause before the next poll, ms. It is a share of the time until something happens to the fan (`interest_ms`),
/// between floor and ceiling, and never far beyond that moment. `random`, which is uniform in 0..1, spreads it in
/// proportion.
#[must_use]
pub fn poll_delay_ms(poll: Poll, interest_ms: f64, random: f64) -> u64 {
    let (floor, ceiling) = (poll.floor_ms as f64, poll.ceiling_ms as f64);
    let spread = 0.8 + 0.4 * random;
    let share = (interest_ms / poll.divisor.max(1) as f64).max(floor).min(ceiling);
    (share * spread).min(interest_ms.max(0.0) + floor * spread).round() as u64
}

/// The pause before joining, ms, when a pool of so many ms opens under the fans' eyes.
#[must_use]
pub fn join_delay_ms(pool_ms: u64, random: f64) -> u64 {
    (random * (pool_ms as f64 * 0.05).min(JOIN_SPREAD_MS_MAX)).round() as u64
}

/// How long until something happens to a fan, ms, as well as the status says. `place` is the fan's own, once known.
pub(crate) fn interest_ms(status: &Status, place: Option<u64>, now_ms: u64) -> f64 {
    let until_ms = |at_ms: u64| at_ms.saturating_sub(now_ms) as f64;
    match status.phase {
        Phase::Idle => until_ms(status.opens_at_ms),
        Phase::Pooling => until_ms(status.starts_at_ms),
        Phase::Drawing | Phase::Ended => 0.0,
        Phase::Serving => {
            let ahead = place.unwrap_or(0).saturating_sub(status.serving);
            ahead as f64 * 60_000.0 / f64::from(status.rate_per_minute.max(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Draw;

    const POLL: Poll = Poll { floor_ms: 2_000, ceiling_ms: 30_000, divisor: 10 };

    fn interest(phase: Phase, place: Option<u64>, now_ms: u64) -> f64 {
        let status = Status {
            phase,
            now_ms: 0,
            opens_at_ms: 100_000,
            starts_at_ms: 700_000,
            serving: 1_000,
            rate_per_minute: 600,
            burst: Some(1),
            sold_out: false,
            poll: POLL,
            draw: Draw::default(),
        };
        interest_ms(&status, place, now_ms)
    }

    #[test]
    fn each_phase_has_its_moment() {
        assert_eq!(interest(Phase::Idle, None, 0), 100_000.0);
        assert_eq!(interest(Phase::Pooling, None, 690_000), 10_000.0);
        assert_eq!(interest(Phase::Drawing, None, 700_000), 0.0);
        assert_eq!(interest(Phase::Serving, Some(2_000), 800_000), 100_000.0);
        assert_eq!(interest(Phase::Serving, Some(10), 800_000), 0.0);
    }

    #[test]
    fn the_longer_the_wait_the_rarer_within_the_bounds() {
        let middle = |interest_ms| poll_delay_ms(POLL, interest_ms, 0.5);
        assert_eq!([0.0, 100_000.0, 600_000.0, f64::INFINITY].map(middle), [2_000, 10_000, 30_000, 30_000]);
        assert_eq!((poll_delay_ms(POLL, 100_000.0, 0.0), poll_delay_ms(POLL, 100_000.0, 1.0)), (8_000, 12_000));
        let slow = Poll { floor_ms: 30_000, ..POLL };
        assert!(poll_delay_ms(slow, 1_000.0, 0.5) <= 31_000, "not far beyond the moment that matters");
        assert_eq!(
            (join_delay_ms(600_000, 1.0), join_delay_ms(3_600_000, 1.0), join_delay_ms(0, 1.0)),
            (30_000, 60_000, 0)
        );
    }
}
