//! The limit of long-lived connections to a shop (tunnels and event streams), which hold no slot of it.
//!
//! Guarantees: their number is bounded in all, for clients without a pass, and per session or network. A permit gives
//! its place back when it is dropped. Memory is used only while something is held.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::concurrency::{Part, SlotAsk};

/// One session has a few tabs, each with a stream or two.
const OF_A_SESSION_MAX: u32 = 16;

/// The lasting connections to one shop.
#[derive(Debug)]
pub(crate) struct StreamLimiter {
    most: u32,
    held: Mutex<HeldBy>,
}

#[derive(Debug, Default)]
struct HeldBy {
    all: u32,
    open: u32,
    by_key: HashMap<(bool, u128), u32>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    limiter: Arc<StreamLimiter>,
    ask: SlotAsk,
}

impl StreamLimiter {
    /// At most so many.
    pub(crate) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// One more; `None` where there are as many as there may be.
    pub(crate) fn begin(self: &Arc<Self>, ask: SlotAsk) -> Option<StreamPermit> {
        let mut held = self.lock();
        let open_max = (self.most / 4).max(1);
        let is_open = ask.part == Part::Open;
        if held.all >= self.most || (is_open && held.open >= open_max) {
            return None;
        }
        let of_a_key_max = if is_open { (open_max / 4).max(1) } else { OF_A_SESSION_MAX };
        if let Some(key) = ask.key {
            let of_this = held.by_key.entry((is_open, key)).or_insert(0);
            if *of_this >= of_a_key_max {
                return None;
            }
            *of_this += 1;
        }
        held.all += 1;
        held.open += u32::from(is_open);
        Some(StreamPermit { limiter: Arc::clone(self), ask })
    }

    /// The number of open streams.
    pub(crate) fn count(&self) -> u32 {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, HeldBy> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut held = self.limiter.lock();
        let is_open = self.ask.part == Part::Open;
        held.all -= 1;
        held.open -= u32::from(is_open);
        let Some(key) = self.ask.key.map(|key| (is_open, key)) else { return };
        if let Some(of_this) = held.by_key.get_mut(&key) {
            *of_this -= 1;
            if *of_this == 0 {
                held.by_key.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(part: Part, key: u128) -> SlotAsk {
        SlotAsk { part, key: Some(key), is_long: false }
    }

    #[test]
    fn strangers_have_a_quarter_and_everybody_a_bound() {
        let limiter = StreamLimiter::new(100);
        let held = |part, keys: std::ops::Range<u128>| keys.filter_map(|key| limiter.begin(ask(part, key))).collect();
        let of_one: Vec<_> = (0..50).filter_map(|_| limiter.begin(ask(Part::Open, 7))).collect();
        let of_many: Vec<StreamPermit> = held(Part::Open, 100..200);
        assert_eq!((of_one.len(), of_many.len()), (6, 19));
        let of_a_session: Vec<_> = (0..50).filter_map(|_| limiter.begin(ask(Part::Inside, 7))).collect();
        let inside: Vec<StreamPermit> = held(Part::Inside, 100..200);
        assert_eq!((of_a_session.len(), inside.len(), limiter.count()), (16, 59, 100));
        drop((of_one, of_many, of_a_session, inside));
        let held = limiter.lock();
        assert_eq!((held.all, held.open, held.by_key.len()), (0, 0, 0));
    }
}
