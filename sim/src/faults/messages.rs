//! What edges ask of the store, and what it answers.

use fairgate_core::recovery::{Observation, Replica, StateVersion};
use fairgate_core::room::{Command, Entry, Outcome, Refusal, View};

/// What an edge asks of the store.
#[derive(Clone, Debug)]
pub enum Request {
    /// Apply a command.
    Apply(Command),
    /// How does the room stand?
    View,
    /// Take back what an edge knows.
    Restore(Box<Replica>),
    /// Take back entries.
    RestoreEntries {
        /// Entries by index.
        entries: Vec<(u64, Entry)>,
        /// True if all of the entries were in the roster when its root was made.
        is_under_root: bool,
    },
    /// Take back the frozen roster from an index on.
    PutBack {
        /// Of which root it is.
        root: [u8; 32],
        /// The first index.
        from: u64,
        /// All entries from there on.
        entries: Vec<Entry>,
    },
    /// The first entries of the roster; asked for past the fence.
    Roster {
        /// How many.
        entries: u64,
    },
}

/// What the store answers.
#[derive(Clone, Debug)]
pub enum Response {
    /// To a command.
    Outcome(Outcome),
    /// To a look.
    Look(Box<Look>),
    /// To what was put back.
    Done,
    /// To entries that were put back; whether the root was made without them.
    EntriesRestored {
        /// True if some entries were not taken, since the root was made without them.
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
pub struct Look {
    /// For everyone.
    pub view: View,
    /// For the edge.
    pub observation: Observation,
    /// What the server's own clock says, Unix ms.
    pub server_ms: u64,
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
            Self::RestoreEntries { .. } => "refill",
            Self::PutBack { .. } => "put back",
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
            Self::EntriesRestored { .. } => "refilled",
            Self::Roster(_) => "roster",
            Self::Lost => "lost",
            Self::Refused(_) => "refused",
        }
    }
}

/// What the store of a run went through.
#[derive(Clone, Debug)]
pub enum StoreEvent {
    /// A call.
    Call {
        /// The time that it went by, Unix ms.
        now_ms: u64,
        /// The name of the run of the edge.
        edge: String,
        /// The state that the edge knows.
        stamp: Option<StateVersion>,
        /// What it asked.
        request: Box<Request>,
        /// What it was answered.
        response: Response,
    },
    /// `FLUSHALL`.
    Wiped,
    /// A copy was taken, for later.
    Copied(usize),
    /// Another run of the server began, with that copy or with nothing.
    AnotherRun(Option<usize>),
    /// Another run of the server began, with all that there was.
    StartedAgain,
    /// The roster was taken away, and nothing else.
    Evicted,
}
