//! The bounded queue in front of the pool of connections (a priority semaphore). Payments go first, then what the core
//! itself must do, then fans who look at their bookings.
//!
//! Guarantees:
//! - no more are inside than there are connections
//! - nobody waits longer than the patience of their lane, and no more wait than a lane holds
//! - within a lane the first to come is the first to enter

use std::sync::Arc;
use std::time::Duration;

use fairgate_semaphore::{Limits, Permit, PrioritySemaphore, Waiting};

/// Who waits, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Money is on its way.
    Payments,
    /// Batches of reservations, the feed, the sweeper.
    Core,
    /// Fans who look at their bookings or give them back.
    Fans,
}

impl Lane {
    /// How many may wait.
    fn waiting_max(self) -> usize {
        match self {
            Self::Payments => 2048,
            Self::Core => 1024,
            Self::Fans => 256,
        }
    }

    fn patience(self) -> Duration {
        match self {
            Self::Payments | Self::Core => Duration::from_secs(5),
            Self::Fans => Duration::from_secs(1),
        }
    }
}

/// Too many wait, or this one waited too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many wait for a connection to the database")]
pub struct Busy;

/// Lets in as many as there are connections.
#[derive(Clone, Debug)]
pub struct Turnstile(Arc<PrioritySemaphore<FreePlaces>>);

/// A place inside, given back when it is dropped.
pub type Place = Permit<FreePlaces>;

/// How many connections nobody has.
#[derive(Debug)]
pub struct FreePlaces(usize);

impl Turnstile {
    /// A turnstile in front of so many places.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self(PrioritySemaphore::new(FreePlaces(places)))
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn enter(&self, lane: Lane) -> Result<Place, Busy> {
        self.0.acquire(lane).await.map_err(|_| Busy)
    }
}

impl Limits for FreePlaces {
    type Ask = Lane;
    const PRIORITIES: usize = 3;

    fn priority(lane: &Lane) -> usize {
        *lane as usize
    }

    fn has_room(&self, _: &Lane) -> bool {
        self.0 > 0
    }

    fn enter(&mut self, _: &Lane) {
        self.0 -= 1;
    }

    fn leave(&mut self, _: &Lane) {
        self.0 += 1;
    }

    fn may_wait(&self, lane: &Lane, waiting: &Waiting<'_, Self>) -> bool {
        waiting.alike() < lane.waiting_max()
    }

    fn patience(&self, lane: &Lane) -> Duration {
        lane.patience()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn payments_go_first_and_fans_have_the_least_patience() {
        let turnstile = Turnstile::new(1);
        let inside = turnstile.enter(Lane::Core).await.expect("empty");
        let begun = tokio::time::Instant::now();
        assert_eq!(turnstile.enter(Lane::Fans).await.err(), Some(Busy));
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        let (fan, payment, ()) =
            tokio::join!(turnstile.enter(Lane::Fans), turnstile.enter(Lane::Payments), async { drop(inside) });
        assert!(payment.is_ok() && fan.is_err(), "the payment kept the only place");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_lane_refuses_at_once() {
        use futures_util::FutureExt;
        let turnstile = Turnstile::new(0);
        let mut waiting: Vec<_> = (0..256).map(|_| Box::pin(turnstile.enter(Lane::Fans))).collect();
        assert!(waiting.iter_mut().all(|waiter| waiter.now_or_never().is_none()));
        assert_eq!(turnstile.enter(Lane::Fans).now_or_never().and_then(Result::err), Some(Busy));
        assert!(turnstile.enter(Lane::Payments).now_or_never().is_none(), "its lane is empty");
    }
}
