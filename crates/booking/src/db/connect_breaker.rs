//! A circuit breaker for connecting: while the database is out of reach, one attempt each 100 ms is made and the others
//! fail at once. A server that starts is not kept from it by a crowd.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Between two attempts while the database is out of reach (half-open).
const TRY_EVERY: Duration = Duration::from_millis(100);

/// Until when no other attempt is made; nothing while the database is there (closed).
#[derive(Debug, Default)]
pub(super) struct ConnectBreaker(Mutex<Option<Instant>>);

impl ConnectBreaker {
    /// True if a connection may be tried: always while the database is there, and one at a time while it is not.
    pub(super) fn may_try(&self) -> bool {
        let (mut until, now) = (self.until(), Instant::now());
        match *until {
            Some(silent_until) if now < silent_until => false,
            Some(_) => {
                *until = Some(now + TRY_EVERY);
                true
            }
            None => true,
        }
    }

    /// Takes note of how an attempt went; says whether that is new.
    pub(super) fn note(&self, is_reached: bool) -> bool {
        let mut until = self.until();
        let was_reached = until.is_none();
        *until = (!is_reached).then(|| Instant::now() + TRY_EVERY);
        was_reached != is_reached
    }

    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn while_the_database_is_out_of_reach_one_attempt_at_a_time_is_made() {
        let breaker = ConnectBreaker::default();
        assert!(breaker.may_try() && breaker.may_try(), "nothing is known to be wrong");
        assert!(breaker.note(false) && !breaker.note(false), "new once");
        assert!(!breaker.may_try());
        tokio::time::advance(TRY_EVERY).await;
        assert!(breaker.may_try(), "one");
        assert!(!breaker.may_try(), "and no other");
        assert!(breaker.note(true) && !breaker.note(true), "new once");
        assert!(breaker.may_try());
    }
}
