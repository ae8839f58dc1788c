//! What edges ask of the store, and what it answers.

use fairgate_core::recovery::{Observation, Replica, StateVersion};
use fairgate_core::room::{Command, Entry, Outcome, Refusal, Spot, View};
use fairgate_draw::v2::Tag;

/// Roster and tags of one tier, in index order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TierList {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Their tags.
    pub tags: Vec<Tag>,
}

/// An entry of a room with tiers as an edge answered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnsweredEntry {
    /// Where it stands.
    pub at: Spot,
    /// The entry.
    pub entry: Entry,
    /// Its tag.
    pub tag: Tag,
}

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
    /// Take back entries of a room with tiers, late comers included.
    RestoreTiers {
        /// The entries.
        entries: Vec<AnsweredEntry>,
        /// True if all of the entries were in the rosters when the roots were made.
        is_under_root: bool,
    },
    /// Take back the frozen rosters and tags of all tiers.
    PutBackTiers {
        /// The root over the roots of all tiers.
        root: [u8; 32],
        /// Each tier's.
        lists: Vec<TierList>,
        /// Late comers, who stand in none of them.
        late: Vec<AnsweredEntry>,
    },
    /// Rosters and tags of all tiers; asked for past the fence.
    TierLists,
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
    /// Rosters and tags of all tiers.
    TierLists(Vec<TierList>),
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
            Self::Apply(Command::Arrive(_)) => "arrive",
            Self::Apply(Command::Claim(_) | Command::ClaimTiers(_) | Command::ByKey { .. }) => "claim",
            Self::Apply(Command::Move(_)) => "move",
            Self::Apply(_) => "apply",
            Self::View => "view",
            Self::Restore(_) => "restore",
            Self::RestoreEntries { .. } | Self::RestoreTiers { .. } => "refill",
            Self::PutBack { .. } | Self::PutBackTiers { .. } => "put back",
            Self::Roster { .. } | Self::TierLists => "roster",
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
            Self::Roster(_) | Self::TierLists(_) => "roster",
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
