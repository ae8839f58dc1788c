//! The waiting page's own rules, as `pages/waiting/pace.js` has them (a test holds the two against each other).

/// What the status says of polling.
#[derive(Clone, Copy, Debug)]
pub struct Poll {
    /// The shortest pause.
    pub floor_ms: u64,
    /// The longest pause.
    pub ceiling_ms: u64,
    /// The share of the time that is left.
    pub divisor: u64,
}

/// The pause before the next poll. `interest_ms`: how long until something happens to this fan; `random` is in 0..1.
#[must_use]
pub fn poll_delay_ms(poll: Poll, interest_ms: f64, random: f64) -> u64 {
    let (floor, ceiling) = (poll.floor_ms as f64, poll.ceiling_ms as f64);
    let spread = 0.8 + 0.4 * random;
    let share = (interest_ms / poll.divisor as f64).max(floor).min(ceiling);
    (share * spread).min(interest_ms.max(0.0) + floor * spread).round() as u64
}

/// The pause before joining when the pool opens under the fans' eyes.
#[must_use]
pub fn join_delay_ms(pool_ms: u64, random: f64) -> u64 {
    (random * (pool_ms as f64 * 0.05).min(JOIN_SPREAD_MS_MAX)).round() as u64
}

const JOIN_SPREAD_MS_MAX: f64 = 60_000.0;
