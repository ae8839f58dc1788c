//! What became of one fan: the facts that the judge works on.

use fairgate_draw::Hash;

use super::behaviour::Behaviour;
use crate::wire::Position;

/// One fan's way through the sale, as it saw it.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) who: u32,
    pub(crate) behaviour: Behaviour,
    pub(crate) joined: Option<Ticket>,
    /// The place in the line: given by the server to latecomers, worked out by the fan itself after the draw.
    pub(crate) place: Option<u64>,
    pub(crate) admitted: Option<Admission>,
    pub(crate) purchase: Option<Purchase>,
    /// What it was told that it should never have been told.
    pub(crate) broken: Vec<Broken>,
    pub(crate) fate: Fate,
}

/// What the server answered to the join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) position: Position,
    pub(crate) entry: Hash,
}

/// An answered claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    pub(crate) place: u64,
    pub(crate) at_ms: u64,
    pub(crate) session: String,
}

/// A paid booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Purchase {
    pub(crate) booking: String,
    pub(crate) seats: Vec<String>,
}

/// A promise that one fan saw broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The entry is not the one that the nonce makes.
    EntryDiffers,
    /// The same ticket got another position.
    TicketChanged { first: Position, then: Position },
    /// A ticket that the server had answered was refused.
    TicketRefused { status: u16 },
    /// The server puts the fan elsewhere than the public numbers do.
    PlaceDiffers { own: u64, servers: u64 },
    /// One place was let in as two sessions, or at two instants.
    AdmittedTwice { place: u64 },
}

/// Where a life in the crowd ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The run ended first.
    StillThere,
    /// Went away before it was let in.
    Left,
    /// The sale ended first.
    SaleEnded,
    /// Was told that nothing is left before it was let in.
    SoldOut,
    /// Was called and came too late.
    CallExpired,
    /// The ticket was refused.
    Refused,
    /// Was let in and did not want to buy.
    ChangedItsMind,
    /// Was let in and found nothing left.
    FoundNothing,
    /// The pass ended before the purchase.
    SessionEnded,
    /// The payment was declined.
    Declined,
    /// Has its seats.
    Booked,
    /// Was let in; there was no event to buy.
    WentIn,
}

impl Life {
    pub(crate) fn new(who: u32, behaviour: Behaviour) -> Self {
        Self {
            who,
            behaviour,
            joined: None,
            place: None,
            admitted: None,
            purchase: None,
            broken: Vec::new(),
            fate: Fate::StillThere,
        }
    }
}
