//! Bounds on what is asked of the world: how much at once, for how long, how often, and when not at all.
//!
//! Guarantees:
//! - at most [`IN_FLIGHT`] errands of a way are under way, and one more is told so at once
//! - an errand ends within [`WITHIN`] a try
//! - after [`FAILURES`] failures in a row nobody is asked for [`REST`], and then one errand tries
//! - what was taken is given back, also where a fan goes away

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// Errands of one way at once.
pub(crate) const IN_FLIGHT: usize = 64;
/// The time that one try may take.
pub(crate) const WITHIN: Duration = Duration::from_secs(2);
/// Failures in a row after which nobody is asked.
const FAILURES: u32 = 10;
/// For so long nobody is asked then.
const REST: Duration = Duration::from_secs(10);
/// A try and its retry: so many failures in a row are no accident.
const FAILING: u32 = 2;
/// For so long a failure counts as a sign that the next one would fail, too.
const FAILING_FOR: Duration = Duration::from_secs(30);

/// The errands of one way.
#[derive(Debug)]
pub(crate) struct Errands {
    slots: Semaphore,
    health: Mutex<Health>,
}

/// Why an errand was not run to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotRun {
    /// As many are under way as may be.
    Full,
    /// Whoever is asked does not answer, and is left alone for a while.
    Resting,
    /// Whoever was asked did not answer as they should.
    Failed,
}

#[derive(Debug, Default)]
struct Health {
    in_a_row: u32,
    failed_at: Option<Instant>,
    rests_until: Option<Instant>,
}

impl Default for Errands {
    fn default() -> Self {
        Self { slots: Semaphore::new(IN_FLIGHT), health: Mutex::default() }
    }
}

impl Errands {
    /// Runs an errand. `tries` is how often it may be run while it fails; `None` is a failure.
    ///
    /// # Errors
    /// There is no answer.
    pub(crate) async fn run<T, F>(&self, tries: u32, errand: impl Fn() -> F) -> Result<T, NotRun>
    where
        F: Future<Output = Option<T>>,
    {
        let _slot = self.slots.try_acquire().map_err(|_| NotRun::Full)?;
        for _ in 0..tries {
            self.health().begin(now()).ok_or(NotRun::Resting)?;
            let answer = tokio::time::timeout(WITHIN, errand()).await.ok().flatten();
            self.health().note(answer.is_some(), now());
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
        Err(NotRun::Failed)
    }

    /// Whether an errand that was begun now would probably fail.
    pub(crate) fn are_failing(&self) -> bool {
        self.health().is_failing(now())
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A monotonic clock that stands still where a test pauses it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Health {
    /// `None` while nobody is to be asked. After the rest one errand tries, and the others go on resting meanwhile.
    fn begin(&mut self, now: Instant) -> Option<()> {
        match self.rests_until {
            Some(until) if now < until => None,
            Some(_) => {
                self.rests_until = Some(now + WITHIN);
                Some(())
            }
            None => Some(()),
        }
    }

    fn note(&mut self, is_good: bool, now: Instant) {
        if is_good {
            *self = Self::default();
            return;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.failed_at = Some(now);
        if self.in_a_row >= FAILURES {
            self.rests_until = Some(now + REST);
        }
    }

    fn is_failing(&self, now: Instant) -> bool {
        self.in_a_row >= FAILING && self.failed_at.is_some_and(|at| now.saturating_duration_since(at) < FAILING_FOR)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn fail(errands: &Errands, calls: &AtomicU32) -> Result<(), NotRun> {
        let errand = || {
            calls.fetch_add(1, Ordering::Relaxed);
            ready(None::<()>)
        };
        errands.run(1, errand).await
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_asked_after_ten_failures_and_one_tries_after_the_rest() {
        let (errands, calls) = (Errands::default(), AtomicU32::new(0));
        for _ in 0..20 {
            let _ = fail(&errands, &calls).await;
        }
        assert_eq!(calls.load(Ordering::Relaxed), 10);
        assert_eq!(fail(&errands, &calls).await, Err(NotRun::Resting));
        tokio::time::advance(REST).await;
        assert_eq!(fail(&errands, &calls).await, Err(NotRun::Failed));
        assert_eq!((fail(&errands, &calls).await, calls.load(Ordering::Relaxed)), (Err(NotRun::Resting), 11));
        assert!(errands.are_failing());
        tokio::time::advance(REST).await;
        assert_eq!(errands.run(1, || ready(Some(7))).await, Ok(7));
        assert!(!errands.are_failing());
        assert_eq!(errands.run(1, || ready(Some(8))).await, Ok(8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_ends_in_time_and_is_made_once_more() {
        let (errands, calls) = (Errands::default(), AtomicU32::new(0));
        let begun = tokio::time::Instant::now();
        let errand = || {
            calls.fetch_add(1, Ordering::Relaxed);
            pending::<Option<()>>()
        };
        assert_eq!(errands.run(2, errand).await, Err(NotRun::Failed));
        assert_eq!((begun.elapsed(), calls.load(Ordering::Relaxed)), (2 * WITHIN, 2));
        tokio::time::advance(FAILING_FOR).await;
        assert!(!errands.are_failing(), "a failure is no sign for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_no_more_at_once_than_may_be() {
        let errands = Errands::default();
        let waiting: Vec<_> = (0..IN_FLIGHT).map(|_| Box::pin(errands.run(1, pending::<Option<()>>))).collect();
        let mut waiting = futures_util::future::join_all(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(errands.run(1, || ready(Some(()))).await, Err(NotRun::Full));
        drop(waiting);
        assert_eq!(errands.run(1, || ready(Some(()))).await, Ok(()), "whoever goes away gives the slot back");
    }
}
