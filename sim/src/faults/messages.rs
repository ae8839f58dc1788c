//! What edges ask of the store, and what it answers.

use fairgate::recover::{Knowledge, Sight};
use fairgate::room::{Command, Entry, Outcome, Refusal, View};

/// What an edge asks of the store.
#[derive(Clone, Debug)]
pub(super) enum Request {
    /// Apply a command.
    Apply(Command),
    /// How does the room stand?
    View,
    /// Take back what an edge knows.
    Restore(Box<Knowledge>),
    /// Take back entries.
    Refill {
        /// Entries by index.
        entries: Vec<(u64, Entry)>,
        /// Whether they were all in the roster when its root was made.
        is_under_root: bool,
    },
    /// The first entries of the roster; asked for past the fence.
    Roster {
        /// How many.
        entries: u64,
    },
}

/// What the store answers.
#[derive(Clone, Debug)]
pub(super) enum Response {
    /// To a command.
    Outcome(Outcome),
    /// To a look.
    Look(Box<Look>),
    /// To what was put back.
    Done,
    /// To entries that were put back; whether the root was made without them.
    Refilled {
        /// Whether it was.
        too_late: bool,
    },
    /// Entries of the roster.
    Roster(Vec<Entry>),
    /// The state is another one than the edge knows, or older; nothing was done.
    Lost,
    /// The room refuses.
    Refused(Refusal),
}

/// How the room stands, and what an edge should remember of it.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// For everyone.
    pub(super) view: View,
    /// For the edge.
    pub(super) sight: Sight,
}

impl Request {
    /// In a word.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Apply(Command::Enter(_)) => "enter",
            Self::Apply(Command::Claim(_)) => "claim",
            Self::Apply(_) => "apply",
            Self::View => "view",
            Self::Restore(_) => "restore",
            Self::Refill { .. } => "refill",
            Self::Roster { .. } => "roster",
        }
    }
}

impl Response {
    /// In a word.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Outcome(_) => "outcome",
            Self::Look(_) => "look",
            Self::Done => "done",
            Self::Refilled { .. } => "refilled",
            Self::Roster(_) => "roster",
            Self::Lost => "lost",
            Self::Refused(_) => "refused",
        }
    }
}
