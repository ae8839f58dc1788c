//! One edge's way of making one call to the store of many asks, tick by tick. It gathers while busy, with at most one
//! call under way, and `fairgate::edge::BATCH_MAX` asks a call.

use std::collections::VecDeque;

use fairgate::edge::{BATCH_MAX, QUEUE_MAX};

/// Asks that wait at one edge for the store, and since when.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: VecDeque<(u32, u64)>,
    /// The next call may begin then: the last one is answered, and a busy edge has gathered.
    free_at_ms: u64,
}

impl Queue {
    /// Takes an ask; refuses it where too many wait.
    pub(crate) fn put(&mut self, fan: u32, now_ms: u64) -> bool {
        let has_room = self.waiting.len() < QUEUE_MAX;
        if has_room {
            self.waiting.push_back((fan, now_ms));
        }
        has_room
    }

    /// The asks of a call that begins now, if one does.
    pub(crate) fn call(&mut self, now_ms: u64, round_trip_ms: u64, gather_ms: u64) -> Option<Vec<(u32, u64)>> {
        if self.waiting.is_empty() || now_ms < self.free_at_ms {
            return None;
        }
        let asks: Vec<_> = self.waiting.drain(..self.waiting.len().min(BATCH_MAX)).collect();
        let gather_ms = if asks.len() > 1 { gather_ms } else { 0 };
        self.free_at_ms = now_ms + round_trip_ms + gather_ms;
        Some(asks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_at_a_time_and_a_busy_edge_gathers() {
        let mut queue = Queue::default();
        assert!(queue.put(1, 100));
        assert_eq!(queue.call(100, 80, 10), Some(vec![(1, 100)]));
        assert!(queue.put(2, 110) && queue.put(3, 170));
        assert_eq!(queue.call(170, 80, 10), None);
        assert_eq!(queue.call(180, 80, 10), Some(vec![(2, 110), (3, 170)]));
        assert!(queue.put(4, 181));
        assert_eq!(queue.call(260, 80, 10), None);
        assert_eq!(queue.call(270, 80, 10), Some(vec![(4, 181)]));
    }

    #[test]
    fn a_call_is_bounded_and_so_is_the_queue() {
        let mut queue = Queue::default();
        for fan in 0..QUEUE_MAX as u32 {
            assert!(queue.put(fan, 0));
        }
        assert!(!queue.put(0, 0));
        assert_eq!(queue.call(0, 2, 10).map(|asks| asks.len()), Some(BATCH_MAX));
    }
}
