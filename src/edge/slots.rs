//! How many requests may be with a shop at once, and the short queue of those that wait for their turn.
//!
//! Guarantees: never more are in than the window allows (a window that shrinks is kept to as those inside leave); a tenth
//! of it is kept for priority paths, which also go first; the queue is bounded in number and time, and who finds it full
//! is told so at once; a slot is given back when its guard is dropped, however the request ended.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::observe::Shed;

/// The slots of one shop.
#[derive(Debug)]
pub(crate) struct Slots {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    window: u32,
    queue_max: u32,
    queue_wait: Duration,
    taken: u32,
    first: VecDeque<oneshot::Sender<Slot>>,
    others: VecDeque<oneshot::Sender<Slot>>,
}

/// The right to have one request with the shop.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Option<Arc<Slots>>,
    /// How long the request waited for it.
    pub(crate) waited: Duration,
}

impl Slots {
    pub(crate) fn new(window: u32, queue_max: u32, queue_wait: Duration) -> Arc<Self> {
        let (first, others) = (VecDeque::new(), VecDeque::new());
        Arc::new(Self { state: Mutex::new(State { window, queue_max, queue_wait, taken: 0, first, others }) })
    }

    /// So many requests from now on, which wait so long.
    pub(crate) fn resize(self: &Arc<Self>, window: u32, queue_wait: Duration) {
        let mut state = self.lock();
        (state.window, state.queue_wait) = (window, queue_wait);
        self.hand_out(&mut state);
    }

    /// Takes a slot, now or within the queue's time.
    ///
    /// # Errors
    /// The shop has all it can take.
    pub(crate) async fn take(self: &Arc<Self>, is_first: bool) -> Result<Slot, Shed> {
        let (turn, wait) = {
            let mut state = self.lock();
            if state.has_room(is_first) {
                state.taken += 1;
                return Ok(Slot { slots: Some(Arc::clone(self)), waited: Duration::ZERO });
            }
            (state.queue_up(is_first).ok_or(Shed::UpstreamQueue)?, state.queue_wait)
        };
        let begun = Instant::now();
        match tokio::time::timeout(wait, turn).await {
            Ok(Ok(mut slot)) => {
                slot.waited = begun.elapsed();
                Ok(slot)
            }
            Ok(Err(_)) | Err(_) => Err(Shed::UpstreamWait),
        }
    }

    /// Whether a request would be turned away at once.
    pub(crate) fn is_full(&self, is_first: bool) -> bool {
        let mut state = self.lock();
        !state.has_room(is_first) && state.queue_is_full()
    }

    /// Requests with the shop, and waiting for it.
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = self.lock();
        let waiting = state.first.iter().chain(&state.others).filter(|waiter| !waiter.is_closed()).count();
        (state.taken as usize, waiting)
    }

    fn give_back(self: &Arc<Self>) {
        let mut state = self.lock();
        state.taken -= 1;
        self.hand_out(&mut state);
    }

    fn hand_out(self: &Arc<Self>, state: &mut State) {
        while let Some(waiter) = state.next_waiter() {
            let slot = Slot { slots: Some(Arc::clone(self)), waited: Duration::ZERO };
            match waiter.send(slot) {
                Ok(()) => state.taken += 1,
                // It has given up; its slot was never taken.
                Err(mut unused) => unused.slots = None,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, is_first: bool) -> bool {
        self.taken < if is_first { self.window } else { self.window - self.window / 10 }
    }

    fn queue_up(&mut self, is_first: bool) -> Option<oneshot::Receiver<Slot>> {
        if self.queue_is_full() {
            return None;
        }
        let (waiter, turn) = oneshot::channel();
        if is_first { &mut self.first } else { &mut self.others }.push_back(waiter);
        Some(turn)
    }

    fn queue_is_full(&mut self) -> bool {
        let most = self.queue_max as usize;
        if self.first.len() + self.others.len() >= most {
            self.first.retain(|waiter| !waiter.is_closed());
            self.others.retain(|waiter| !waiter.is_closed());
        }
        self.first.len() + self.others.len() >= most
    }

    fn next_waiter(&mut self) -> Option<oneshot::Sender<Slot>> {
        if self.has_room(true)
            && let Some(waiter) = self.first.pop_front()
        {
            return Some(waiter);
        }
        if self.has_room(false) { self.others.pop_front() } else { None }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(slots) = self.slots.take() {
            slots.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(window: u32, queue_max: u32) -> Arc<Slots> {
        Slots::new(window, queue_max, Duration::from_secs(1))
    }

    #[tokio::test(start_paused = true)]
    async fn slots_are_bounded_and_come_back() {
        let slots = slots(1, 1);
        let first = slots.take(false).await.unwrap();
        let (waited, too_many) = tokio::join!(slots.take(false), slots.take(false));
        assert_eq!((waited.unwrap_err(), too_many.unwrap_err()), (Shed::UpstreamWait, Shed::UpstreamQueue));
        let (second, ()) = tokio::join!(slots.take(false), async { drop(first) });
        assert!(second.is_ok());
        assert_eq!(slots.load(), (1, 0));
        drop(second);
        assert_eq!(slots.load(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_queue_it_is_now_or_not() {
        let slots = slots(1, 0);
        assert!(!slots.is_full(true));
        let _slot = slots.take(true).await.unwrap();
        assert!(slots.is_full(true));
        let before = tokio::time::Instant::now();
        assert_eq!(slots.take(true).await.unwrap_err(), Shed::UpstreamQueue);
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_is_kept_for_priority_paths_and_they_go_first() {
        let slots = slots(10, 8);
        let mut held = Vec::new();
        for _ in 0..9 {
            held.push(slots.take(false).await.unwrap());
        }
        assert_eq!(slots.take(false).await.unwrap_err(), Shed::UpstreamWait);
        held.push(slots.take(true).await.unwrap());
        let (late, early) = (slots.take(false), slots.take(true));
        let give_back = async { drop(held.pop()) };
        let (late, early, ()) = tokio::join!(late, early, give_back);
        assert!(late.is_err() && early.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_that_shrinks_is_kept_to_as_requests_end() {
        let slots = slots(20, 4);
        let mut held = Vec::new();
        for _ in 0..18 {
            held.push(slots.take(false).await.unwrap());
        }
        slots.resize(10, Duration::from_millis(100));
        held.truncate(9);
        assert_eq!(slots.take(false).await.unwrap_err(), Shed::UpstreamWait);
        let (more, ()) = tokio::join!(slots.take(false), async { slots.resize(20, Duration::from_secs(1)) });
        assert!(more.is_ok(), "and one that opens lets in who waits");
    }
}
