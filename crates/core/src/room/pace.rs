//! How fast the leak may run at each moment: what people set, a ramp, and what an edge steers, as a function of time.
//!
//! Guarantees:
//! - never more than people set
//! - what an edge wanted counts for [`STEER_MS`] and not longer, and from then on the floor holds
//! - another edge than the one that steers may lower what is in force, but not raise it
//!
//! The rate is constant between the steps of a ramp (one a second) and the end of a steering. So what it gives in a
//! stretch of time is a sum of products of whole numbers: exact, and the same however often anybody looks.

use super::{Mode, Policy, Ramp, Steering};

/// How long a steering counts. An edge that steers says so again well before.
pub(super) const STEER_MS: u64 = 5_000;
/// How long a step of a ramp lasts.
pub(super) const STEP_MS: u64 = 1_000;

/// What changes rate and sessions besides the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) ramp: Option<(Ramp, u64)>,
    pub(super) steering: Option<(Steering, u64)>,
}

impl Pace {
    /// Begins a ramp, unless it is under way already; answers whether it was begun.
    pub(super) fn begin(&mut self, ramp: &Ramp, now_ms: u64) -> bool {
        let is_new = self.ramp.is_none_or(|(known, from_ms)| known != *ramp || now_ms - from_ms >= known.over_ms);
        if is_new {
            self.ramp = Some((*ramp, now_ms));
        }
        is_new
    }

    /// Takes over what an edge wants; answers whether that changed anything.
    pub(super) fn steer(&mut self, wanted: &Steering, now_ms: u64) -> bool {
        let before = self.steering;
        self.steering = Some(match before {
            Some((held, until_ms)) if now_ms < until_ms && held.edge != wanted.edge => (lower(held, wanted), until_ms),
            _ => (*wanted, now_ms + STEER_MS),
        });
        self.steering != before
    }

    /// What an edge wants, while it counts.
    pub(super) fn steering(&self, policy: &Policy, at_ms: u64) -> Option<Steering> {
        let (steering, until_ms) = self.steering?;
        (policy.mode == Mode::Adaptive && at_ms < until_ms).then_some(steering)
    }

    /// What people set, people per minute.
    pub(super) fn set_per_minute(&self, policy: &Policy, at_ms: u64) -> u32 {
        let ramp = self.ramp.and_then(|(ramp, from_ms)| ramp.per_minute(at_ms.saturating_sub(from_ms)));
        ramp.unwrap_or(policy.rate_per_minute)
    }

    /// People per minute.
    pub(super) fn per_minute(&self, policy: &Policy, at_ms: u64) -> u32 {
        let set = self.set_per_minute(policy, at_ms);
        match (policy.mode, self.steering(policy, at_ms)) {
            (Mode::Fixed, _) => set,
            (Mode::Adaptive, Some(steering)) => set.min(steering.rate_per_minute),
            (Mode::Adaptive, None) => set.min(policy.floor_per_minute),
        }
    }

    /// Sessions inside.
    pub(super) fn max_active(&self, policy: &Policy, at_ms: u64) -> u64 {
        self.steering(policy, at_ms).map_or(u64::MAX, |steering| steering.max_active).min(policy.max_active)
    }

    /// What the rate gives from one moment to another, in units of a bucket.
    pub(super) fn units(&self, policy: &Policy, from_ms: u64, to_ms: u64) -> u64 {
        let (mut at_ms, mut units) = (from_ms, 0_u64);
        while at_ms < to_ms {
            let until_ms = self.changes_ms(at_ms).min(to_ms);
            let given = u64::from(self.per_minute(policy, at_ms)).saturating_mul(until_ms - at_ms);
            units = units.saturating_add(given);
            at_ms = until_ms;
        }
        units
    }

    /// When the rate may be another one than it is now.
    fn changes_ms(&self, at_ms: u64) -> u64 {
        let step = self.ramp.and_then(|(ramp, from_ms)| ramp.step_ends_ms(at_ms.saturating_sub(from_ms), from_ms));
        let end = self.steering.map(|(_, until_ms)| until_ms).filter(|until_ms| *until_ms > at_ms);
        step.into_iter().chain(end).min().unwrap_or(u64::MAX)
    }
}

fn lower(held: Steering, wanted: &Steering) -> Steering {
    let brakes = wanted.rate_per_minute < held.rate_per_minute || wanted.max_active < held.max_active;
    Steering {
        edge: held.edge,
        rate_per_minute: held.rate_per_minute.min(wanted.rate_per_minute),
        max_active: held.max_active.min(wanted.max_active),
        limit: if brakes { wanted.limit } else { held.limit },
    }
}

impl Ramp {
    /// The rate until the end; from then on it is the policy's.
    fn per_minute(&self, elapsed_ms: u64) -> Option<u32> {
        if elapsed_ms >= self.over_ms {
            return None;
        }
        let (from, to) = (i64::from(self.from_per_minute), i64::from(self.to_per_minute));
        let step_ms = i64::try_from(elapsed_ms - elapsed_ms % STEP_MS).unwrap_or(i64::MAX);
        let over_ms = i64::try_from(self.over_ms).unwrap_or(i64::MAX);
        let moved = (to - from).saturating_mul(step_ms).div_euclid(over_ms);
        u32::try_from(from + moved).ok()
    }

    /// When the step ends, of a ramp that began at `from_ms`.
    fn step_ends_ms(&self, elapsed_ms: u64, from_ms: u64) -> Option<u64> {
        let step_end_ms = (elapsed_ms - elapsed_ms % STEP_MS + STEP_MS).min(self.over_ms);
        (elapsed_ms < self.over_ms).then(|| from_ms.saturating_add(step_end_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::policy;
    use super::super::{Limit, Mode};
    use super::*;

    const RAMP: Ramp = Ramp { from_per_minute: 60, to_per_minute: 600, over_ms: 4_500 };

    fn steering(edge: u32, rate_per_minute: u32, max_active: u64) -> Steering {
        Steering { edge, rate_per_minute, max_active, limit: Limit::Latency }
    }

    fn adaptive() -> Policy {
        Policy { mode: Mode::Adaptive, rate_per_minute: 600, floor_per_minute: 30, ..policy() }
    }

    #[test]
    fn a_ramp_takes_a_step_a_second_either_way() {
        let up = [0, 999, 1_000, 4_499, 4_500, 9_000].map(|ms| RAMP.per_minute(ms));
        assert_eq!(up, [Some(60), Some(60), Some(180), Some(540), None, None]);
        let down = Ramp { from_per_minute: 600, to_per_minute: 60, over_ms: 4_500 };
        assert_eq!([0, 1_000, 4_000].map(|ms| down.per_minute(ms)), [Some(600), Some(480), Some(120)]);
    }

    #[test]
    fn what_time_gives_does_not_depend_on_how_often_one_looks() {
        let policy = adaptive();
        let mut pace = Pace { ramp: Some((RAMP, 10_000)), steering: None };
        pace.steer(&steering(1, 200, 50), 9_000);
        let whole = pace.units(&policy, 8_000, 20_000);
        for step_ms in [1, 7, 500, 3_000] {
            let parts = (8_000..20_000)
                .step_by(step_ms)
                .map(|at_ms| pace.units(&policy, at_ms, 20_000.min(at_ms + step_ms as u64)));
            assert_eq!(parts.sum::<u64>(), whole, "in steps of {step_ms} ms");
        }
        let by_the_millisecond: u64 = (8_000..20_000).map(|at_ms| u64::from(pace.per_minute(&policy, at_ms))).sum();
        assert_eq!(whole, by_the_millisecond);
    }

    #[test]
    fn whoever_steers_is_followed_while_it_says_so_and_then_the_floor_holds() {
        let policy = adaptive();
        let mut pace = Pace::default();
        assert_eq!((pace.per_minute(&policy, 0), pace.max_active(&policy, 0)), (30, 100));
        assert!(pace.steer(&steering(1, 300, 40), 1_000));
        assert_eq!((pace.per_minute(&policy, 5_999), pace.max_active(&policy, 5_999)), (300, 40));
        assert_eq!((pace.per_minute(&policy, 6_000), pace.max_active(&policy, 6_000)), (30, 100));
        pace.steer(&steering(1, 6_000, 4_000), 7_000);
        assert_eq!((pace.per_minute(&policy, 7_000), pace.max_active(&policy, 7_000)), (600, 100), "never more");
        let fixed = Policy { mode: Mode::Fixed, ..policy };
        pace.steer(&steering(1, 1, 1), 8_000);
        assert_eq!((pace.per_minute(&fixed, 8_000), pace.max_active(&fixed, 8_000)), (600, 100));
    }

    #[test]
    fn another_edge_may_lower_what_is_in_force_but_not_raise_it() {
        let policy = adaptive();
        let mut pace = Pace::default();
        pace.steer(&steering(1, 300, 40), 0);
        assert!(!pace.steer(&steering(2, 500, 90), 1_000));
        assert!(pace.steer(&steering(2, 0, 20), 1_000));
        assert_eq!((pace.per_minute(&policy, 1_000), pace.max_active(&policy, 1_000)), (0, 20));
        assert_eq!(pace.steering(&policy, 4_999).map(|now| now.edge), Some(1), "the first one still steers");
        assert_eq!(pace.steering(&policy, 5_000), None);
        pace.steer(&steering(2, 500, 90), 5_000);
        assert_eq!(pace.max_active(&policy, 5_000), 90);
    }
}
