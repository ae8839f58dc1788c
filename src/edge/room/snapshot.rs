//! A room's snapshot, and what a fan's call comes to by it, before the store is asked or instead. Pure; the
//! simulator's edges decide by it, too.
//!
//! Guarantees: a ticket has the same place at every edge and at any time. A fan who was not called is not sent to the
//! store.

use std::ops::Deref;
use std::sync::Arc;

use fairgate_draw::{Shuffle, ZERO};

use super::status_document::Status;
use fairgate_core::room::{Claimant, Entry, Phase, Position, Refusal, View};
use fairgate_token::Ticket;

/// A room as of a look.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The store's view of the room.
    pub view: View,
    /// From the reveal on.
    shuffle: Option<Arc<Shuffle>>,
}

/// The room as of the last tick, with everything that follows from it.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) standing: Standing,
    pub(crate) status: Status,
}

impl Deref for Snapshot {
    type Target = Standing;

    fn deref(&self) -> &Standing {
        &self.standing
    }
}

/// The result of a claim by the snapshot alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The store decides.
    Ask(Claimant),
    /// Not now; the place, where it is known.
    NotCalled {
        /// The ticket's place.
        place: Option<u64>,
    },
    /// The ticket's entry had no part in this draw.
    OtherDraw,
}

/// True if a room has given a number, as far as a look shows.
#[must_use]
pub(crate) fn has_given(view: &View, position: Position) -> bool {
    match position {
        Position::Pool(index) => index < view.pool_size,
        Position::Line(place) => place < view.line_size,
    }
}

impl Standing {
    /// The standing after a new view; the shuffle that was computed before is kept.
    #[must_use]
    pub fn after(before: Option<&Self>, view: View) -> Self {
        let known = before.filter(|before| before.view.draw.seed == view.draw.seed);
        let drawn = || view.draw.seed.zip(view.draw.entries).map(|(seed, entries)| Shuffle::new(&seed, entries));
        let shuffle = known.and_then(|known| known.shuffle.clone()).or_else(|| drawn().map(Arc::new));
        Self { view, shuffle }
    }

    /// The place of a ticket; `None` while the draw is still to come.
    #[must_use]
    pub fn place(&self, position: Position) -> Option<u64> {
        match position {
            Position::Line(place) => Some(place),
            Position::Pool(index) => self.shuffle.as_ref()?.place(index),
        }
    }

    /// True if a ticket is of the room's present draw.
    #[must_use]
    pub fn has_draw_of(&self, ticket: &Ticket) -> bool {
        ticket.draw == self.view.draw.descriptor_digest
    }

    /// Why nobody can join at this time. The store would refuse them, too; asked by millions, it should not have to.
    #[must_use]
    pub fn refuses_joins(&self, now_ms: u64) -> Option<Refusal> {
        match self.view.phase {
            Phase::Idle if now_ms < self.view.opens_at_ms => {
                Some(Refusal::NotOpen { opens_at_ms: self.view.opens_at_ms })
            }
            Phase::Ended => Some(Refusal::Ended),
            Phase::Idle | Phase::Pooling | Phase::Drawing | Phase::Serving => None,
        }
    }

    /// The roster entry of a fan who brings these random bytes.
    #[must_use]
    pub fn entry(&self, nonce: &[u8; 16]) -> Entry {
        fairgate_draw::entry(&self.view.draw.descriptor_digest, nonce, &ZERO)
    }

    /// What becomes of a claim with a ticket of this draw; `nonce` is what its entry was made of, where the fan shows it.
    #[must_use]
    pub fn claim(&self, ticket: &Ticket, nonce: Option<[u8; 16]>) -> Verdict {
        let index = if let Position::Pool(index) = ticket.position { Some(index) } else { None };
        match self.place(ticket.position) {
            None if self.shuffle.is_some() => Verdict::OtherDraw,
            Some(place) if place < self.view.serving => Verdict::Ask(Claimant { place, index, nonce }),
            place => Verdict::NotCalled { place },
        }
    }
}
