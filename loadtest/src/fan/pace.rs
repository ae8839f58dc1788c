//! How often a waiting fan asks: as the server's poll policy says, the rarer the longer the wait.

use crate::wire::{Phase, Status};

/// The time to the next look, before jitter. `place` is the fan's own, once known.
pub(crate) fn pace_ms(status: &Status, place: Option<u64>, now_ms: u64) -> u64 {
    let remaining_ms = match status.phase {
        Phase::Idle => status.opens_at_ms.saturating_sub(now_ms),
        Phase::Pooling => status.starts_at_ms.saturating_sub(now_ms),
        Phase::Drawing | Phase::Ended => 0,
        Phase::Serving => {
            let ahead = place.unwrap_or(0).saturating_sub(status.serving);
            ahead.saturating_mul(60_000) / u64::from(status.rate_per_minute.max(1))
        }
    };
    let poll = &status.poll;
    (remaining_ms / poll.divisor.max(1)).min(poll.ceiling_ms).max(poll.floor_ms)
}

/// Spreads a pace by a quarter to either side; `fraction` is uniform in 0..1.
pub(crate) fn jittered_ms(pace_ms: u64, fraction: f64) -> u64 {
    (pace_ms as f64 * (0.75 + fraction / 2.0)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Draw, Poll};

    fn status(phase: Phase) -> Status {
        Status {
            phase,
            now_ms: 0,
            opens_at_ms: 100_000,
            starts_at_ms: 700_000,
            serving: 1_000,
            rate_per_minute: 600,
            burst: Some(1),
            sold_out: false,
            poll: Poll { floor_ms: 2_000, ceiling_ms: 30_000, divisor: 10 },
            draw: Draw::default(),
        }
    }

    #[test]
    fn the_longer_the_wait_the_rarer_within_the_bounds() {
        assert_eq!(pace_ms(&status(Phase::Idle), None, 0), 10_000);
        assert_eq!(pace_ms(&status(Phase::Pooling), None, 100_000), 30_000);
        assert_eq!(pace_ms(&status(Phase::Pooling), None, 690_000), 2_000);
        assert_eq!(pace_ms(&status(Phase::Drawing), None, 700_000), 2_000);
        assert_eq!(pace_ms(&status(Phase::Serving), Some(2_000), 800_000), 10_000);
        assert_eq!(pace_ms(&status(Phase::Serving), Some(10), 800_000), 2_000);
    }

    #[test]
    fn jitter_is_proportional() {
        assert_eq!(jittered_ms(10_000, 0.0), 7_500);
        assert_eq!(jittered_ms(10_000, 0.5), 10_000);
        assert!(jittered_ms(10_000, 0.999_9) <= 12_500);
    }
}
