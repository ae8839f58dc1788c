//! Requests that wait: one first-in-first-out queue for each priority.
//!
//! Guarantees: taking goes by priority and then by time; requests whose waiter has gone away are passed over by
//! [`Queue::purge`], and never counted after it.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use crate::{Limits, Permit};

/// Requests that wait already, as one more request of a priority sees them. What a limit does not ask for is not counted.
#[derive(Debug)]
pub struct Waiting<'a, L: Limits> {
    all: usize,
    alike: &'a VecDeque<Waiter<L>>,
}

impl<L: Limits> Waiting<'_, L> {
    /// How many wait in all.
    #[must_use]
    pub fn all(&self) -> usize {
        self.all
    }

    /// How many wait with the request's priority.
    #[must_use]
    pub fn alike(&self) -> usize {
        self.alike.len()
    }

    /// How many of these are of a kind, the client's own for example. This looks at each of them.
    pub fn alike_and(&self, is_of_the_kind: impl Fn(&L::Ask) -> bool) -> usize {
        self.alike.iter().filter(|waiter| is_of_the_kind(&waiter.ask)).count()
    }
}

#[derive(Debug)]
pub(crate) struct Queue<L: Limits> {
    of_priority: Box<[VecDeque<Waiter<L>>]>,
    len: usize,
}

#[derive(Debug)]
struct Waiter<L: Limits> {
    ask: L::Ask,
    turn: oneshot::Sender<Permit<L>>,
}

impl<L: Limits> Queue<L> {
    pub(crate) fn new() -> Self {
        Self { of_priority: (0..L::PRIORITIES).map(|_| VecDeque::new()).collect(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, ask: L::Ask, turn: oneshot::Sender<Permit<L>>) {
        self.of_priority[L::priority(&ask)].push_back(Waiter { ask, turn });
        self.len += 1;
    }

    /// What this request finds.
    pub(crate) fn seen_by(&self, ask: &L::Ask) -> Waiting<'_, L> {
        Waiting { all: self.len, alike: &self.of_priority[L::priority(ask)] }
    }

    /// Takes the first that may go, the most urgent priority first.
    pub(crate) fn take_first(
        &mut self,
        may_go: impl Fn(&L::Ask) -> bool,
    ) -> Option<(L::Ask, oneshot::Sender<Permit<L>>)> {
        if self.len == 0 {
            return None;
        }
        for waiting in &mut self.of_priority {
            let first = waiting.iter().position(|waiter| may_go(&waiter.ask));
            if let Some(Waiter { ask, turn }) = first.and_then(|first| waiting.remove(first)) {
                self.len -= 1;
                return Some((ask, turn));
            }
        }
        None
    }

    /// Forgets the requests whose waiter has gone away.
    pub(crate) fn purge(&mut self) {
        self.of_priority.iter_mut().for_each(|waiting| waiting.retain(|waiter| !waiter.turn.is_closed()));
        self.len = self.of_priority.iter().map(VecDeque::len).sum();
    }
}
