//! How a room admits people, and what of it may change while the room is live: all of it.

use serde::{Deserialize, Serialize};

/// How a room admits people. Every field can be changed while the room is live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// People admitted per minute; at least 1.
    pub rate_per_minute: u32,
    /// People that may be admitted at once beyond the steady rate; at least 1.
    pub burst: u32,
    /// Sessions that may be inside at the same time; at least 1.
    pub max_active: u64,
    /// How long a called place waits to be claimed before it expires.
    pub grace_ms: u64,
    /// How long a session lasts without being used.
    pub session_idle_ms: u64,
    /// How long a session lasts at most, however much it is used.
    pub session_max_ms: u64,
    /// How long `(N, root)` is public before the secret is revealed; at least 2 s, so that browsers witness it.
    pub witness_ms: u64,
    /// What becomes of a called fan who comes after the grace.
    pub late: Late,
    /// How rate and sessions are steered: fixed, or by the health of the shop.
    pub mode: Mode,
    /// In [`Mode::Adaptive`]: how long the slowest hundredth of the shop's answers may take.
    pub target_ms: u64,
    /// In [`Mode::Adaptive`]: people admitted per minute while nobody steers; at least 1.
    pub floor_per_minute: u32,
}

impl Policy {
    /// A policy for tests, which name what matters to them and take the rest from here. It has one person a second
    /// after a burst of ten, a hundred inside, a minute of grace.
    #[doc(hidden)]
    #[must_use]
    pub const fn for_testing() -> Self {
        Self {
            rate_per_minute: 60,
            burst: 10,
            max_active: 100,
            grace_ms: 60_000,
            session_idle_ms: 60_000,
            session_max_ms: 600_000,
            witness_ms: 2_000,
            late: Late::Tail,
            mode: Mode::Fixed,
            target_ms: 500,
            floor_per_minute: 1,
        }
    }
}

/// What becomes of a called fan who comes after the grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Late {
    /// The place has expired; joining again gives one at the tail.
    Tail,
    /// The fan is let in all the same, under the cap, and one fewer is called.
    Honour,
}

/// How rate and sessions are steered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Rate and sessions are what people set.
    Fixed,
    /// They are at most what people set; edges steer below that.
    Adaptive,
}
