//! The circuit breaker in front of a shop that is dead: it is not asked, except by one request at a time to find out.
//!
//! Guarantees: after [`FAILURES_MAX`] failures in a row nobody is sent to the shop for a while; then one request at a
//! time tries. That pause grows with the outage and never beyond half of it ([`OPEN_MIN_MS`] at least, [`OPEN_MAX_MS`]
//! at most). So a shop that is well again is asked before it has been kept from its fans for half as long as it failed
//! them. The first success closes it, and what fails after that says nothing if it was sent before.

/// Failures in a row that open it.
const FAILURES_MAX: u32 = 5;
/// How long it stays open between two probes, at least and at most.
const OPEN_MIN_MS: u64 = 250;
const OPEN_MAX_MS: u64 = 16_000;
/// A probe that has not come back by then is followed by another: as long as the outage, within these.
const PROBE_MIN_MS: u64 = 1_000;
const PROBE_MAX_MS: u64 = 10_000;

/// A circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    /// When the first request of those that failed was sent.
    began_ms: u64,
    /// When the shop answered for the last time, as far as it had failed before.
    well_at_ms: u64,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    until_ms: u64,
    /// What was sent before says nothing new: when it opened, or the last probe went out.
    since_ms: u64,
}

impl Breaker {
    /// True if the breaker is open: the shop gets no requests but probes.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Tells how a request would fare, without counting one: `Ok` if it would be let through.
    ///
    /// # Errors
    /// How long until it makes sense to try again, ms.
    pub fn look(&self, now_ms: u64) -> Result<(), u64> {
        match self.open {
            Some(open) if now_ms < open.until_ms => Err(open.until_ms - now_ms),
            _ => Ok(()),
        }
    }

    /// Lets a request through, perhaps as a probe.
    ///
    /// # Errors
    /// How long until it makes sense to try again, ms.
    pub fn pass(&mut self, now_ms: u64) -> Result<(), u64> {
        self.look(now_ms)?;
        let outage_ms = now_ms.saturating_sub(self.began_ms);
        if let Some(open) = &mut self.open {
            // The next one waits for this one's fate.
            *open = Open { until_ms: now_ms + outage_ms.clamp(PROBE_MIN_MS, PROBE_MAX_MS), since_ms: now_ms };
        }
        Ok(())
    }

    /// The shop has answered.
    pub fn succeed(&mut self, now_ms: u64) {
        *self = Self { well_at_ms: now_ms, ..Self::default() };
    }

    /// The shop could not be reached, or did not answer, with a request that was sent at that time.
    pub fn fail(&mut self, sent_at_ms: u64, now_ms: u64) {
        let since_ms = self.open.map_or(self.well_at_ms, |open| open.since_ms);
        if sent_at_ms < since_ms {
            return;
        }
        self.began_ms = if self.failures == 0 { sent_at_ms } else { self.began_ms.min(sent_at_ms) };
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES_MAX {
            let outage_ms = now_ms.saturating_sub(self.began_ms);
            let open_ms = (outage_ms / 2).clamp(OPEN_MIN_MS, OPEN_MAX_MS);
            self.open = Some(Open { until_ms: now_ms + open_ms, since_ms: now_ms });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_probes_one_at_a_time() {
        let mut breaker = Breaker::default();
        (0..4).for_each(|_| breaker.fail(0, 100));
        assert!(!breaker.is_open());
        breaker.succeed(100);
        (0..5).for_each(|_| breaker.fail(200, 1_200));
        assert_eq!(breaker.pass(1_300), Err(400), "half of the second that it has been");
        assert_eq!((breaker.pass(1_700), breaker.pass(1_700)), (Ok(()), Err(1_500)), "one probe");
        breaker.fail(1_700, 2_200);
        assert_eq!((breaker.pass(3_199), breaker.pass(3_200)), (Err(1), Ok(())), "it has been two seconds");
        breaker.succeed(3_300);
        assert_eq!((breaker.is_open(), breaker.look(3_300)), (false, Ok(())));
    }

    #[test]
    fn what_was_sent_before_it_opened_or_the_shop_was_well_adds_nothing() {
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| breaker.fail(1_000, 2_000));
        let opened = breaker;
        (0..500).for_each(|late| breaker.fail(1_000 + late, 2_000 + late));
        assert_eq!(breaker, opened, "five hundred that were under way");
        breaker.pass(2_500).unwrap();
        breaker.succeed(2_600);
        (0..500).for_each(|late| breaker.fail(1_500, 3_000 + late));
        assert!(!breaker.is_open());
    }

    #[test]
    fn a_shop_is_never_left_alone_for_longer_than_it_failed() {
        for outage_ms in [1_000_u64, 2_000, 5_000, 20_000, 60_000] {
            let (mut breaker, mut now_ms) = (Breaker::default(), 1_000_000);
            let well_ms = now_ms + outage_ms;
            (0..5).for_each(|_| breaker.fail(now_ms, now_ms + 1_000));
            now_ms += 1_000;
            let found_ms = loop {
                now_ms += breaker.look(now_ms).err().unwrap_or(0);
                breaker.pass(now_ms).unwrap();
                if now_ms >= well_ms {
                    break now_ms;
                }
                breaker.fail(now_ms, now_ms + 100);
            };
            let late_ms = found_ms - well_ms;
            assert!(late_ms <= (outage_ms * 3 / 4).clamp(OPEN_MIN_MS, OPEN_MAX_MS + 100), "{late_ms} of {outage_ms}");
        }
    }

    #[test]
    fn a_probe_that_is_lost_is_followed_by_another() {
        let mut breaker = Breaker::default();
        (0..20).for_each(|_| breaker.fail(0, 100_000));
        assert_eq!(breaker.pass(100_000), Err(OPEN_MAX_MS));
        assert_eq!(breaker.pass(100_000 + OPEN_MAX_MS), Ok(()));
        assert_eq!(breaker.pass(100_000 + OPEN_MAX_MS + PROBE_MAX_MS), Ok(()));
    }
}
