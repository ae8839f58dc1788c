//! What happens when, in the order of time; at one instant in the order in which it was put down.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Events to come.
#[derive(Debug)]
pub(crate) struct Agenda<E> {
    heap: BinaryHeap<Reverse<Due<E>>>,
    put_down: u64,
}

#[derive(Debug)]
struct Due<E> {
    at_ms: u64,
    number: u64,
    event: E,
}

impl<E> Agenda<E> {
    pub(crate) fn put(&mut self, at_ms: u64, event: E) {
        self.put_down += 1;
        self.heap.push(Reverse(Due { at_ms, number: self.put_down, event }));
    }

    /// Takes the next event and its time.
    pub(crate) fn next(&mut self) -> Option<(u64, E)> {
        self.heap.pop().map(|Reverse(due)| (due.at_ms, due.event))
    }
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), put_down: 0 }
    }
}

impl<E> PartialEq for Due<E> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<E> Eq for Due<E> {}

impl<E> PartialOrd for Due<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Due<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.number).cmp(&(other.at_ms, other.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_first_and_then_who_came_first() {
        let mut agenda = Agenda::default();
        for (at_ms, event) in [(5, "late"), (1, "one"), (1, "two"), (3, "between")] {
            agenda.put(at_ms, event);
        }
        let order: Vec<_> = std::iter::from_fn(|| agenda.next()).collect();
        assert_eq!(order, [(1, "one"), (1, "two"), (3, "between"), (5, "late")]);
    }
}
