//! The circuit breaker in front of a shop that is dead: it is not asked, except by one request at a time to find out.
//!
//! Guarantees: after [`FAILURES_MAX`] failures in a row nobody is sent to the shop for a while, which doubles with every
//! probe that fails, up to [`OPEN_MAX_MS`]; then one request at a time tries; the first success closes it.

/// Failures in a row that open it.
const FAILURES_MAX: u32 = 5;
/// How long it stays open at first, and at most.
const OPEN_MS: u64 = 1_000;
const OPEN_MAX_MS: u64 = 16_000;
/// A probe that has not come back by then is lost.
const PROBE_MS: u64 = 10_000;

/// A circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    /// While open: until when nobody is sent, and how long it was open for.
    open: Option<(u64, u64)>,
}

impl Breaker {
    /// Whether all is well, so that nothing needs to be asked or told.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it keeps requests from the shop, but for probes.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether a request would be let through.
    ///
    /// # Errors
    /// How long until it makes sense to try again, ms.
    pub fn look(&self, now_ms: u64) -> Result<(), u64> {
        match self.open {
            Some((until_ms, _)) if now_ms < until_ms => Err(until_ms - now_ms),
            _ => Ok(()),
        }
    }

    /// Lets a request through, perhaps as a probe.
    ///
    /// # Errors
    /// How long until it makes sense to try again, ms.
    pub fn pass(&mut self, now_ms: u64) -> Result<(), u64> {
        self.look(now_ms)?;
        if let Some((until_ms, _)) = &mut self.open {
            // The next one waits for this one's fate.
            *until_ms = now_ms + PROBE_MS;
        }
        Ok(())
    }

    /// The shop has answered.
    pub fn succeed(&mut self) {
        *self = Self::default();
    }

    /// The shop could not be reached, or did not answer.
    pub fn fail(&mut self, now_ms: u64) {
        self.failures = self.failures.saturating_add(1);
        let open_ms = match self.open {
            Some((_, open_ms)) => (open_ms * 2).min(OPEN_MAX_MS),
            None if self.failures >= FAILURES_MAX => OPEN_MS,
            None => return,
        };
        self.open = Some((now_ms + open_ms, open_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_probes_one_at_a_time() {
        let mut breaker = Breaker::default();
        (0..4).for_each(|_| breaker.fail(0));
        assert!(!breaker.is_open());
        breaker.succeed();
        (0..5).for_each(|_| breaker.fail(0));
        assert_eq!(breaker.pass(400), Err(600));
        assert_eq!((breaker.pass(1_000), breaker.pass(1_000)), (Ok(()), Err(PROBE_MS)), "one probe");
        breaker.fail(1_500);
        assert_eq!((breaker.pass(3_499), breaker.pass(3_500)), (Err(1), Ok(())), "twice as long");
        breaker.succeed();
        assert!(breaker.is_quiet());
    }

    #[test]
    fn a_probe_that_is_lost_is_followed_by_another() {
        let mut breaker = Breaker::default();
        (0..20).for_each(|_| breaker.fail(0));
        assert_eq!(breaker.pass(0), Err(OPEN_MAX_MS));
        assert_eq!(breaker.pass(OPEN_MAX_MS), Ok(()));
        assert_eq!(breaker.pass(OPEN_MAX_MS + PROBE_MS), Ok(()));
    }
}
