//! Signals: what in a sale does not look like people who buy for themselves. Pure.
//!
//! Guarantees:
//! - a signal is evidence with a score, and never a verdict: nothing is refused or cancelled because of one
//! - signals are the same, however the rows of the log are cut into pages
//! - what is compared are keyed digests; nobody's address, mail address or card is in here
//! - what could come about by chance is measured against the rest of the same crowd, and is no signal
//!
//! ```text
//! change_log ── Seen (the last hour of an event) ── Crowd (what is usual) ── one function a kind ──▶ Signal
//! ```

mod chance;
mod crowd;
mod declines;
mod networks;
mod pace;
mod seats;
mod seen;
mod shared;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use self::crowd::Crowd;
pub(super) use self::seen::{Hall, Happening, SeatRow, Seen};

/// What a signal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// Several fans have paid with one card.
    ManyFansOneCard,
    /// The fans of one network buy unlike the rest of the crowd.
    ManyFansOneNetwork,
    /// Several fans have paid with mail addresses that lead to one mailbox.
    MailboxFamily,
    /// The same seats are held and dropped again and again.
    HoldCycling,
    /// Payments are declined one after the other, as if cards were tried.
    CardTesting,
    /// Fans who need less time than people do, all of them the same.
    Superhuman,
    /// Blocks of seats side by side, taken by fans who seem to have nothing to do with each other.
    Sweep,
}

impl SignalKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::ManyFansOneCard,
        Self::ManyFansOneNetwork,
        Self::MailboxFamily,
        Self::HoldCycling,
        Self::CardTesting,
        Self::Superhuman,
        Self::Sweep,
    ];

    /// Its name, in answers and in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ManyFansOneCard => "many_fans_one_card",
            Self::ManyFansOneNetwork => "many_fans_one_network",
            Self::MailboxFamily => "mailbox_family",
            Self::HoldCycling => "hold_cycling",
            Self::CardTesting => "card_testing",
            Self::Superhuman => "superhuman",
            Self::Sweep => "sweep",
        }
    }

    /// Reads its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn find(self, crowd: &Crowd<'_>) -> Vec<Signal> {
        match self {
            Self::ManyFansOneCard => shared::many_fans_one_card(crowd),
            Self::ManyFansOneNetwork => networks::many_fans_one_network(crowd),
            Self::MailboxFamily => shared::mailbox_family(crowd),
            Self::HoldCycling => seats::hold_cycling(crowd),
            Self::CardTesting => declines::card_testing(crowd),
            Self::Superhuman => pace::superhuman(crowd),
            Self::Sweep => seats::sweep(crowd),
        }
    }
}

/// Evidence about some bookings of an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Signal {
    pub(super) kind: SignalKind,
    /// What the bookings have in common, so that the same evidence is the same signal while it grows.
    pub(super) subject: String,
    /// From 0 to 1: how little it looks like chance.
    pub(super) score: f64,
    /// The evidence in a sentence.
    pub(super) why: String,
    /// The numbers of that sentence.
    pub(super) evidence: BTreeMap<&'static str, f64>,
    /// Pseudonyms of the fans, in order.
    pub(super) fans: Vec<u64>,
    /// The bookings, in the order in which they were held.
    pub(super) bookings: Vec<Uuid>,
    /// When the first of them was held, Unix ms.
    pub(super) first_at: i64,
    /// When the last thing happened to one of them, Unix ms.
    pub(super) last_at: i64,
}

/// The signals in what was seen of an event.
pub(super) fn signals(seen: &Seen, hall: &Hall) -> Vec<Signal> {
    let crowd = Crowd::of(seen, hall);
    SignalKind::ALL.into_iter().flat_map(|kind| kind.find(&crowd)).collect()
}
