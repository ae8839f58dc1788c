//! Why a room refuses, in words that are the same whichever store the room is kept in.

use serde::{Deserialize, Serialize};

use super::BATCH_MAX;
use super::arrival::{TAGS_MAX, USES_MAX};

/// Why a room refuses a command. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// The room has no plan yet, so it has nothing to show and nothing to enter.
    #[error("the room is not scheduled")]
    NotScheduled,
    /// The pool has not opened.
    #[error("the room opens at {opens_at_ms} (Unix ms)")]
    NotOpen {
        /// When it opens.
        opens_at_ms: u64,
    },
    /// The sale is over.
    #[error("the sale has ended")]
    Ended,
    /// The descriptor is public and the pool open: the schedule stands.
    #[error("the schedule cannot change once the pool is open")]
    ScheduleFixed,
    /// The plan is older than the one that the room follows.
    #[error("version {version} of the configuration is older than version {followed}, which the room follows")]
    OlderConfig {
        /// The plan's.
        version: u64,
        /// The room's.
        followed: u64,
    },
    /// The store has lost something, and those who know it are putting it back.
    #[error("the room is being put right until {until_ms} (Unix ms): ask again then")]
    Recovering {
        /// When it will be.
        until_ms: u64,
    },
    /// The command does not fit the phase.
    #[error("not now: {0}")]
    OutOfPhase(String),
    /// A root or beacon contradicts what is already published.
    #[error("contradicts the published draw: {0}")]
    Contradiction(String),
    /// A value is out of range.
    #[error("{0}")]
    Invalid(String),
    /// Somebody else has changed a control first.
    #[error("the controls are at revision {revision}, and were changed since the caller looked: look again")]
    Overtaken {
        /// The room's.
        revision: u64,
    },
}

impl Refusal {
    /// The plan of another room.
    #[must_use]
    pub fn another_room() -> Self {
        Self::Invalid("the plan is of another room".into())
    }

    /// A command that names more fans than [`BATCH_MAX`].
    #[must_use]
    pub fn too_many(fans: usize) -> Self {
        Self::Invalid(format!("one command may name {BATCH_MAX} fans, not {fans}: split it"))
    }

    /// A command for a room with tiers, in one without.
    #[must_use]
    pub fn no_tiers() -> Self {
        Self::Invalid("the room has no tiers, so it knows no commands that name any".into())
    }

    /// A command for a room without tiers, in one with tiers.
    #[must_use]
    pub fn has_tiers() -> Self {
        Self::Invalid("the room has tiers, so commands for it have to name them".into())
    }

    /// A tier that the room does not have.
    #[must_use]
    pub fn no_such_tier(tier: u64) -> Self {
        Self::Invalid(format!("the room has no tier {tier}"))
    }

    /// Tags in a room that asks for no identity, or none in one that does.
    #[must_use]
    pub fn wrong_tags() -> Self {
        Self::Invalid("an arrival shows tags exactly where the room asks for an identity".into())
    }

    /// An arrival without entries, with too many of them, or with a code that cannot be one.
    #[must_use]
    pub fn shapeless_arrival() -> Self {
        Self::Invalid(format!(
            "an arrival has 1 to {TAGS_MAX} entries, at most {TAGS_MAX} other tags, and a code of 1 to {USES_MAX} uses"
        ))
    }

    /// Keys for another number of fans than a command names, or for a command that asks for none.
    #[must_use]
    pub fn shapeless_holders() -> Self {
        Self::Invalid("keys stand beside claims or renewals, one for each fan".into())
    }

    /// An end of the line that no line reaches.
    #[must_use]
    pub fn beyond_any_line(end: u64) -> Self {
        Self::Invalid(format!("{end} is beyond the end of any line"))
    }

    /// A root before the pool closes, at `starts_at_ms` (Unix ms).
    #[must_use]
    pub fn pool_is_open(starts_at_ms: u64) -> Self {
        Self::OutOfPhase(format!("the pool is open until {starts_at_ms} (Unix ms)"))
    }

    /// A root over another number of entries than the pool has.
    #[must_use]
    pub fn wrong_count(entries: u64, pool: u64) -> Self {
        Self::Contradiction(format!("the root covers {entries} entries, the pool has {pool}"))
    }

    /// A root beside the one that is public.
    #[must_use]
    pub fn another_root() -> Self {
        Self::Contradiction("another root is public already".into())
    }

    /// A secret before the root.
    #[must_use]
    pub fn no_root() -> Self {
        Self::OutOfPhase("the root must be published before the secret".into())
    }

    /// A secret that comes `left_ms` (milliseconds) too early after the root.
    #[must_use]
    pub fn not_witnessed(left_ms: u64) -> Self {
        Self::OutOfPhase(format!("the root must be public for another {left_ms} ms"))
    }

    /// A round of public randomness after the draw went on without one.
    #[must_use]
    pub fn too_late() -> Self {
        Self::OutOfPhase("the round comes too late: the draw went on without it, as its descriptor foresees".into())
    }
}
