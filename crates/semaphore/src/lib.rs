//! A semaphore with priorities, a bounded queue, and limits that its user writes down ([`Limits`]).
//!
//! Guarantees: no more are inside than the limits allow, at any moment and after any change of them. Of those that wait,
//! the most urgent that the limits have room for goes first, and within one priority the first to come. Nobody waits
//! longer than their patience, and the queue takes no more than the limits say: a request beyond that is refused at once.
//! A permit comes back when it is dropped. One that was handed to a request that has gone away is not lost.

mod queue;

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use queue::Queue;
pub use queue::Waiting;

/// Who may be inside, who may wait, and how long: a pure account that the semaphore asks under its lock.
pub trait Limits: Debug + Send + Sized + 'static {
    /// What a request asks for.
    type Ask: Clone + Debug + Send + Sync + 'static;

    /// How many priorities there are.
    const PRIORITIES: usize;

    /// The priority of a request, below [`Limits::PRIORITIES`]; zero goes first.
    fn priority(ask: &Self::Ask) -> usize;

    /// True if this request may come in now.
    fn has_room(&self, ask: &Self::Ask) -> bool;

    /// Counts a request in. It is called only where [`Limits::has_room`] has said yes.
    fn enter(&mut self, ask: &Self::Ask);

    /// Counts a request out that was counted in.
    fn leave(&mut self, ask: &Self::Ask);

    /// True if this request may wait beside those that wait already.
    fn may_wait(&self, ask: &Self::Ask, waiting: &Waiting<'_, Self>) -> bool;

    /// How long this request may wait.
    fn patience(&self, ask: &Self::Ask) -> Duration;
}

/// Why a request was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no room, and the queue takes no more of this kind.
    QueueFull,
    /// The request has waited as long as its patience is.
    TimedOut,
}

/// Lets in what its [`Limits`] allow.
#[derive(Debug)]
pub struct PrioritySemaphore<L: Limits>(Mutex<State<L>>);

#[derive(Debug)]
struct State<L: Limits> {
    limits: L,
    queue: Queue<L>,
}

/// The right to be inside, given back when it is dropped.
#[derive(Debug)]
pub struct Permit<L: Limits> {
    /// `None` once there is nothing to give back.
    semaphore: Option<Arc<PrioritySemaphore<L>>>,
    ask: L::Ask,
    waited: Duration,
}

impl<L: Limits> PrioritySemaphore<L> {
    /// A semaphore with nobody inside.
    #[must_use]
    pub fn new(limits: L) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { limits, queue: Queue::new() })))
    }

    /// Comes in, now or within the request's patience.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn acquire(self: &Arc<Self>, ask: L::Ask) -> Result<Permit<L>, Refused> {
        let (turn, patience) = match self.enter_or_wait(ask)? {
            Entry::In(permit) => return Ok(permit),
            Entry::Waits(turn, patience) => (turn, patience),
        };
        let begun = Instant::now();
        match timeout(patience, turn).await {
            Ok(Ok(mut permit)) => {
                permit.waited = begun.elapsed();
                Ok(permit)
            }
            Ok(Err(_)) | Err(_) => Err(Refused::TimedOut),
        }
    }

    /// True if a request could come in at once.
    pub fn has_room(&self, ask: &L::Ask) -> bool {
        self.lock().limits.has_room(ask)
    }

    /// True if a request would be refused at once.
    pub fn is_full(&self, ask: &L::Ask) -> bool {
        let mut state = self.lock();
        !state.limits.has_room(ask) && !state.may_wait(ask)
    }

    /// Changes the limits, and lets in those that there is room for now. Those inside stay.
    pub fn change(self: &Arc<Self>, change: impl FnOnce(&mut L)) {
        let mut state = self.lock();
        change(&mut state.limits);
        self.hand_out(&mut state);
    }

    /// Reads the limits' account.
    pub fn read<T>(&self, read: impl FnOnce(&L) -> T) -> T {
        read(&self.lock().limits)
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        let mut state = self.lock();
        state.queue.purge();
        state.queue.len()
    }

    fn enter_or_wait(self: &Arc<Self>, ask: L::Ask) -> Result<Entry<L>, Refused> {
        let mut state = self.lock();
        if state.limits.has_room(&ask) {
            state.limits.enter(&ask);
            return Ok(Entry::In(self.permit(ask)));
        }
        if !state.may_wait(&ask) {
            return Err(Refused::QueueFull);
        }
        let patience = state.limits.patience(&ask);
        let (turn, waiting) = oneshot::channel();
        state.queue.push(ask, turn);
        Ok(Entry::Waits(waiting, patience))
    }

    fn leave(self: &Arc<Self>, ask: &L::Ask) {
        let mut state = self.lock();
        state.limits.leave(ask);
        self.hand_out(&mut state);
    }

    fn hand_out(self: &Arc<Self>, state: &mut State<L>) {
        while let Some((ask, turn)) = state.queue.take_first(|ask| state.limits.has_room(ask)) {
            match turn.send(self.permit(ask.clone())) {
                Ok(()) => state.limits.enter(&ask),
                // The request has gone away. Its permit was never counted, and its drop would take the lock that is held.
                Err(mut unused) => unused.semaphore = None,
            }
        }
    }

    fn permit(self: &Arc<Self>, ask: L::Ask) -> Permit<L> {
        Permit { semaphore: Some(Arc::clone(self)), ask, waited: Duration::ZERO }
    }

    fn lock(&self) -> MutexGuard<'_, State<L>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entry<L: Limits> {
    In(Permit<L>),
    Waits(oneshot::Receiver<Permit<L>>, Duration),
}

impl<L: Limits> State<L> {
    /// True if the queue takes this request. Those that have gone away do not count.
    fn may_wait(&mut self, ask: &L::Ask) -> bool {
        if self.limits.may_wait(ask, &self.queue.seen_by(ask)) {
            return true;
        }
        self.queue.purge();
        self.limits.may_wait(ask, &self.queue.seen_by(ask))
    }
}

impl<L: Limits> Permit<L> {
    /// How long the request has waited for it.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl<L: Limits> Drop for Permit<L> {
    fn drop(&mut self) {
        if let Some(semaphore) = self.semaphore.take() {
            semaphore.leave(&self.ask);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    /// So many inside, four in each priority's queue, and a second of patience for each.
    #[derive(Debug)]
    struct Places(usize);

    impl Limits for Places {
        type Ask = usize;
        const PRIORITIES: usize = 3;

        fn priority(ask: &usize) -> usize {
            *ask
        }

        fn has_room(&self, _: &usize) -> bool {
            self.0 > 0
        }

        fn enter(&mut self, _: &usize) {
            self.0 -= 1;
        }

        fn leave(&mut self, _: &usize) {
            self.0 += 1;
        }

        fn may_wait(&self, _: &usize, waiting: &Waiting<'_, Self>) -> bool {
            waiting.alike() < 4
        }

        fn patience(&self, _: &usize) -> Duration {
            Duration::from_secs(1)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_most_urgent_goes_first_and_then_the_first_to_come() {
        let semaphore = PrioritySemaphore::new(Places(1));
        let inside = semaphore.acquire(2).await.expect("empty");
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for (name, priority) in [(1, 2), (2, 1), (3, 2), (4, 0)] {
            let (semaphore, order) = (Arc::clone(&semaphore), Arc::clone(&order));
            tasks.spawn(async move {
                let _permit = semaphore.acquire(priority).await.expect("its turn comes");
                order.lock().expect("no panic").push(name);
            });
            tokio::task::yield_now().await;
        }
        drop(inside);
        tasks.join_all().await;
        assert_eq!(*order.lock().expect("no panic"), [4, 2, 1, 3]);
        assert_eq!(semaphore.read(|places| places.0), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_and_no_permit_is_lost_with_them() {
        let semaphore = PrioritySemaphore::new(Places(1));
        let inside = semaphore.acquire(0).await.expect("empty");
        assert_eq!(semaphore.acquire(2).await.err(), Some(Refused::TimedOut));
        drop(inside);
        let next = semaphore.acquire(2).await.expect("the permit was not given to a request that is gone");
        assert_eq!(next.waited(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_refuses_at_once_and_does_not_count_those_that_are_gone() {
        let semaphore = PrioritySemaphore::new(Places(0));
        let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(semaphore.acquire(1))).collect();
        assert!(waiting.iter_mut().all(|waiter| waiter.now_or_never().is_none()));
        assert!(semaphore.is_full(&1) && !semaphore.is_full(&0));
        assert_eq!(semaphore.acquire(1).now_or_never().and_then(Result::err), Some(Refused::QueueFull));
        waiting.truncate(2);
        assert_eq!(semaphore.waiting(), 2);
        assert!(!semaphore.is_full(&1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_the_limits_lets_in_those_that_there_is_room_for() {
        let semaphore = PrioritySemaphore::new(Places(0));
        let widen = async { semaphore.change(|places| places.0 = 2) };
        let (one, two, three, ()) =
            tokio::join!(semaphore.acquire(1), semaphore.acquire(1), semaphore.acquire(1), widen);
        assert!(one.is_ok() && two.is_ok());
        assert_eq!(three.err(), Some(Refused::TimedOut));
    }
}
