//! Requests that wait: one first-in-first-out queue for each priority.
//!
//! Guarantees: taking goes by priority and then by time; requests whose waiter has gone away are passed over by
//! [`Queue::purge`], and never counted after it.

use std::collections::VecDeque;

use tokio::sync::oneshot;

/// How many wait already, as one more request sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// In all.
    pub all: usize,
    /// Of the request's priority.
    pub alike: usize,
    /// Of the request's priority and its client.
    pub own: usize,
}

#[derive(Debug)]
pub(crate) struct Queue<A, P> {
    of_priority: Box<[VecDeque<Waiter<A, P>>]>,
    len: usize,
}

#[derive(Debug)]
struct Waiter<A, P> {
    ask: A,
    turn: oneshot::Sender<P>,
}

impl<A, P> Queue<A, P> {
    pub(crate) fn new(priorities: usize) -> Self {
        Self { of_priority: (0..priorities).map(|_| VecDeque::new()).collect(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, priority: usize, ask: A, turn: oneshot::Sender<P>) {
        self.of_priority[priority].push_back(Waiter { ask, turn });
        self.len += 1;
    }

    /// What a request of this priority finds; `is_own` tells which of the waiting ones are its client's.
    pub(crate) fn seen_from(&self, priority: usize, is_own: impl Fn(&A) -> bool) -> Waiting {
        let alike = &self.of_priority[priority];
        let own = alike.iter().filter(|waiter| is_own(&waiter.ask)).count();
        Waiting { all: self.len, alike: alike.len(), own }
    }

    /// Takes the first that may go, the most urgent priority first.
    pub(crate) fn take_first(&mut self, may_go: impl Fn(&A) -> bool) -> Option<(A, oneshot::Sender<P>)> {
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
