//! People: whether they come when they are called, and what they do inside.

use crate::chance::Chance;
use crate::shop::Work;

/// What people do inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Errand {
    /// They look at pages, so many on average, each after a pause.
    Browse,
    /// They look at the hall, choose, reserve, make up their minds and pay: a few seconds, with most of the work at the
    /// end. Some go without having paid; their sessions end when they have been idle for long enough.
    Checkout,
}

const PAGES: f64 = 15.0;
const THINK_S: f64 = 3.0;

/// The steps of a checkout: what the shop's database has to do for each.
const CHECKOUT: [Work; 3] = [Work::Memory, Work::Statements(5), Work::Statements(14)];
/// What it does on its own after a payment (the provider tells of it, too).
pub(crate) const AFTER_PAYMENT: Work = Work::Statements(6);
/// How many go after having looked and after having reserved, and how long they count as inside from then on.
const GO: [f64; 2] = [0.05, 0.11];
const IDLE_S: f64 = 10.0;

/// Somebody inside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) place: u64,
    pub(crate) is_inside: bool,
    /// Requests that were answered.
    pub(crate) step: usize,
}

/// What somebody does after an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Next {
    /// Asks again after a pause, µs.
    Asks { in_us: u64 },
    /// Is done, which the shop tells.
    Leaves,
    /// Closes the page, which nobody tells; the session ends so much later, µs.
    Vanishes { in_us: u64 },
}

impl Errand {
    /// What the shop has to do for a step.
    pub(crate) fn work(self, step: usize, chance: &mut Chance) -> Work {
        match self {
            Self::Browse => Work::page(chance),
            Self::Checkout => CHECKOUT[step.min(CHECKOUT.len() - 1)],
        }
    }

    /// What somebody does who has got so many answers.
    pub(crate) fn next(self, answered: usize, chance: &mut Chance) -> Next {
        let us = |s: f64| (s * 1e6) as u64;
        match self {
            Self::Browse if chance.happens(1.0 / PAGES) => Next::Leaves,
            Self::Browse => Next::Asks { in_us: us(chance.exponential(THINK_S)) },
            Self::Checkout if answered >= CHECKOUT.len() => Next::Leaves,
            Self::Checkout if chance.happens(GO[answered - 1]) => Next::Vanishes { in_us: us(IDLE_S) },
            Self::Checkout => Next::Asks { in_us: us(chance.between(0.5, 5.0)) },
        }
    }

    /// How long a session lasts in a shop without queues, and the time of a worker that it takes, seconds.
    pub(crate) fn stay_and_work_s(self) -> (f64, f64) {
        match self {
            Self::Browse => (PAGES * (THINK_S + Work::PAGE_MEAN_S), PAGES * Work::PAGE_MEAN_S),
            Self::Checkout => (6.9, 25.0 * 0.95 * Work::STATEMENT_S),
        }
    }
}

/// How long it takes a called fan's page to notice, seconds: at least, on average, at most.
const NOTICE_S: (f64, f64) = (0.2, 4.0);
pub(crate) const NOTICE_MEAN_S: f64 = (NOTICE_S.0 + NOTICE_S.1) / 2.0;

/// How long it takes a called fan's page to notice, in µs.
pub(crate) fn notices_us(chance: &mut Chance) -> u64 {
    (chance.between(NOTICE_S.0, NOTICE_S.1) * 1e6) as u64
}

/// When somebody who was turned away asks again: Retry-After, with the page's jitter.
pub(crate) fn asks_again_us(chance: &mut Chance) -> u64 {
    (chance.between(1.0, 5.0) * 1e6) as u64
}
