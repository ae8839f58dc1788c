//! While the database is out of reach, one at a time knocks at it: a server that starts must not be kept from it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// While the database is out of reach one asks this often.
const KNOCK_EVERY: Duration = Duration::from_millis(100);

/// Until when nobody else knocks at a database that is out of reach.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Instant>>);

impl Outage {
    /// Whether to try: always while the database is there, and one at a time while it is not.
    pub(super) fn may_knock(&self) -> bool {
        let (mut until, now) = (self.until(), Instant::now());
        match *until {
            Some(silent_until) if now < silent_until => false,
            Some(_) => {
                *until = Some(now + KNOCK_EVERY);
                true
            }
            None => true,
        }
    }

    /// Takes note of how an attempt went; says whether that is new.
    pub(super) fn note(&self, is_reached: bool) -> bool {
        let mut until = self.until();
        let was_reached = until.is_none();
        *until = (!is_reached).then(|| Instant::now() + KNOCK_EVERY);
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
    async fn while_the_database_is_out_of_reach_one_at_a_time_knocks() {
        let outage = Outage::default();
        assert!(outage.may_knock() && outage.may_knock(), "nothing is known to be wrong");
        assert!(outage.note(false) && !outage.note(false), "new once");
        assert!(!outage.may_knock());
        tokio::time::advance(KNOCK_EVERY).await;
        assert!(outage.may_knock(), "one");
        assert!(!outage.may_knock(), "and no other");
        assert!(outage.note(true) && !outage.note(true), "new once");
        assert!(outage.may_knock());
    }
}
