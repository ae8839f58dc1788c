//! People: whether they come when they are called, and what they do inside.

use crate::chance::Chance;

/// What a session asks of the shop: so many requests on average, and a pause between them.
const REQUESTS: f64 = 15.0;
pub(crate) const THINK_S: f64 = 3.0;

/// Somebody inside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) place: u64,
    pub(crate) is_inside: bool,
}

/// How long it takes a called fan's page to notice, in µs.
pub(crate) fn notices_us(chance: &mut Chance) -> u64 {
    (chance.between(0.2, 4.0) * 1e6) as u64
}

pub(crate) fn thinks_us(chance: &mut Chance) -> u64 {
    (chance.exponential(THINK_S) * 1e6) as u64
}

/// When somebody who was turned away asks again: Retry-After, with the page's jitter.
pub(crate) fn asks_again_us(chance: &mut Chance) -> u64 {
    (chance.between(1.0, 5.0) * 1e6) as u64
}

/// Whether a session ends after an answer.
pub(crate) fn is_finished(chance: &mut Chance) -> bool {
    chance.happens(1.0 / REQUESTS)
}
