//! The generic cell rate algorithm: one number a key, the time at which its credit will be whole again.

/// What a key may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests a minute.
    pub per_minute: u32,
    /// Requests at once.
    pub burst: u32,
}

/// The answer to a request: within its quota or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request is within its quota.
    Allowed {
        /// How many more requests at once are within the quota.
        remaining: u32,
    },
    /// The request is over its quota.
    Refused {
        /// How long until the next request is within the quota, ms.
        retry_after_ms: u64,
    },
}

impl Quota {
    /// Asks for one request; `whole_at_us` is the key's number, 0 for one that was never seen.
    #[inline]
    pub fn ask(&self, whole_at_us: &mut u64, now_us: u64) -> Verdict {
        let (each_us, tolerance_us) = self.credit_us();
        let whole = (*whole_at_us).max(now_us);
        let ahead_us = whole - now_us;
        if ahead_us > tolerance_us {
            return Verdict::Refused { retry_after_ms: (ahead_us - tolerance_us).div_ceil(1_000) };
        }
        *whole_at_us = whole + each_us;
        let remaining = (tolerance_us - ahead_us) / each_us.max(1);
        Verdict::Allowed { remaining: u32::try_from(remaining).unwrap_or(u32::MAX) }
    }

    /// What a network may ask that may ask so many times as much.
    #[inline]
    #[must_use]
    pub fn times(self, factor: u32) -> Self {
        Self { per_minute: self.per_minute.saturating_mul(factor), burst: self.burst.saturating_mul(factor) }
    }

    /// What a request costs, and how much may be owed when it is asked for, in microseconds.
    #[inline]
    #[must_use]
    pub fn credit_us(&self) -> (u64, u64) {
        let each_us = 60_000_000 / u64::from(self.per_minute.max(1));
        (each_us, each_us * u64::from(self.burst.max(1) - 1))
    }

    /// The seconds in which a whole burst comes back: the window of `RateLimit-Policy`.
    #[inline]
    #[must_use]
    pub fn window_s(&self) -> u64 {
        (u64::from(self.burst) * 60).div_ceil(u64::from(self.per_minute.max(1))).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gives_a_burst_and_then_the_rate() {
        let quota = Quota { per_minute: 60, burst: 3 };
        let mut key = 0;
        let at = |key: &mut u64, ms: u64| quota.ask(key, 1_000_000_000 + ms * 1_000);
        let left: Vec<_> = (0..3).map(|_| at(&mut key, 0)).collect();
        assert_eq!(left, [2, 1, 0].map(|remaining| Verdict::Allowed { remaining }));
        assert_eq!(at(&mut key, 0), Verdict::Refused { retry_after_ms: 1_000 });
        assert_eq!(at(&mut key, 400), Verdict::Refused { retry_after_ms: 600 });
        assert_eq!(at(&mut key, 1_000), Verdict::Allowed { remaining: 0 });
        assert_eq!(at(&mut key, 60_000), Verdict::Allowed { remaining: 2 });
        assert_eq!(quota.window_s(), 3);
    }

    proptest! {
        #[test]
        fn no_window_has_more_than_it_may(per_minute in 1_u32..100_000, burst in 1_u32..50, steps in prop::collection::vec(0_u64..5_000_000, 1..200)) {
            let quota = Quota { per_minute, burst };
            let (mut key, mut now_us, mut allowed) = (0, 1 << 40, Vec::new());
            for step_us in steps {
                now_us += step_us;
                if matches!(quota.ask(&mut key, now_us), Verdict::Allowed { .. }) {
                    allowed.push(now_us);
                }
            }
            // The interval is rounded down to a microsecond, which counts as so much more rate.
            let each_us = 60_000_000 / u64::from(per_minute);
            for (first, from_us) in allowed.iter().enumerate() {
                let in_window = (allowed.len() - first) as u64;
                let most = u64::from(burst) + (allowed.last().unwrap() - from_us) / each_us;
                prop_assert!(in_window <= most, "{in_window} > {most}");
            }
        }
    }
}
