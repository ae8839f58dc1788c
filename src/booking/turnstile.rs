//! The bounded queue in front of the pool of connections: payments go first, then what the core itself must do, then fans
//! who look at their bookings.
//!
//! Guarantees: no more are inside than there are connections; nobody waits longer than the patience of their lane, and no
//! more wait than a lane holds; within a lane the first to come is the first to enter; a place that was given to somebody
//! who has gone away is not lost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

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
    const ALL: usize = 3;

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
#[derive(Debug)]
pub struct Turnstile(Mutex<State>);

#[derive(Debug)]
struct State {
    places: usize,
    waiting: [VecDeque<oneshot::Sender<Place>>; Lane::ALL],
}

/// A place inside, given back when it is dropped.
#[derive(Debug)]
pub struct Place(Option<Arc<Turnstile>>);

impl Turnstile {
    /// A turnstile in front of so many places.
    #[must_use]
    pub fn new(places: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { places, waiting: Default::default() })))
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn enter(self: &Arc<Self>, lane: Lane) -> Result<Place, Busy> {
        let Some(mut turn) = self.place_or_turn(lane)? else { return Ok(Place(Some(Arc::clone(self)))) };
        match timeout(lane.patience(), &mut turn).await {
            Ok(place) => place.map_err(|_| Busy),
            Err(_) => Err(Busy),
        }
    }

    /// Takes a free place (`None`), or a turn to wait for.
    fn place_or_turn(&self, lane: Lane) -> Result<Option<oneshot::Receiver<Place>>, Busy> {
        let mut state = self.state();
        if state.places > 0 {
            state.places -= 1;
            return Ok(None);
        }
        let line = &mut state.waiting[lane as usize];
        if line.len() >= lane.waiting_max() {
            line.retain(|turn| !turn.is_closed());
        }
        if line.len() >= lane.waiting_max() {
            return Err(Busy);
        }
        let (turn, waiting) = oneshot::channel();
        line.push_back(turn);
        Ok(Some(waiting))
    }

    fn next(&self) -> Option<oneshot::Sender<Place>> {
        let mut state = self.state();
        let next = state.waiting.iter_mut().find_map(VecDeque::pop_front);
        if next.is_none() {
            state.places += 1;
        }
        next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(turnstile) = self.0.take() else { return };
        while let Some(turn) = turnstile.next() {
            // Somebody who has gone away returns the place unused: not by its drop, which would come back here.
            match turn.send(Self(Some(Arc::clone(&turnstile)))) {
                Ok(()) => return,
                Err(mut unused) => unused.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn payments_go_first_and_then_whoever_came_first() {
        let turnstile = Turnstile::new(1);
        let inside = turnstile.enter(Lane::Fans).await.expect("empty");
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for (name, lane) in [(1, Lane::Fans), (2, Lane::Core), (3, Lane::Fans), (4, Lane::Payments)] {
            let (turnstile, order) = (Arc::clone(&turnstile), Arc::clone(&order));
            tasks.spawn(async move {
                let _place = turnstile.enter(lane).await.expect("its turn comes");
                order.lock().expect("no panic").push(name);
            });
            tokio::task::yield_now().await;
        }
        drop(inside);
        tasks.join_all().await;
        assert_eq!(*order.lock().expect("no panic"), [4, 2, 1, 3]);
        assert_eq!(turnstile.state().places, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_and_no_place_is_lost_with_them() {
        let turnstile = Turnstile::new(1);
        let inside = turnstile.enter(Lane::Payments).await.expect("empty");
        assert_eq!(turnstile.enter(Lane::Fans).await.err(), Some(Busy), "after its patience");
        drop(inside);
        assert!(turnstile.enter(Lane::Fans).await.is_ok(), "the place was not given to somebody who is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_lane_refuses_at_once() {
        let turnstile = Turnstile::new(0);
        let waiting: Vec<_> = (0..256).map(|_| turnstile.place_or_turn(Lane::Fans).expect("room")).collect();
        assert!(turnstile.place_or_turn(Lane::Fans).is_err());
        drop(waiting);
        assert!(turnstile.place_or_turn(Lane::Fans).is_ok(), "those who have gone away do not count");
    }
}
