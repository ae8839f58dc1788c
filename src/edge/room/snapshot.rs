//! A room's snapshot, and what a fan's call comes to by it, before the store is asked or instead. Pure; the
//! simulator's edges decide by it, too.
//!
//! Guarantees: a ticket has the same place at every edge and at any time. A fan who was not called is not sent to the
//! store.

use std::ops::Deref;
use std::sync::Arc;

use fairgate_draw::v2::{self, Lot, Places};
use fairgate_draw::{Shuffle, ZERO};

use super::status_document::Status;
use fairgate_core::room::{Claimant, Entry, Phase, Position, Refusal, Spot, TierClaimant, View};
use fairgate_token::Ticket;

/// A room as of a look.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The store's view of the room.
    pub view: View,
    /// The rules of a draw with tiers; none in a room without.
    rules: Option<Arc<v2::Descriptor>>,
    /// From the reveal on.
    order: Option<Arc<Order>>,
}

/// The order of all entries, as the draw has made it.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a room, behind an `Arc`")]
enum Order {
    /// Of the one pool.
    Pool(Shuffle),
    /// Of all tiers.
    Tiers(Places),
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
pub enum Verdict<C = Claimant> {
    /// The store decides.
    Ask(C),
    /// Not now; the place, where it is known.
    NotCalled {
        /// The ticket's place.
        place: Option<u64>,
    },
    /// The ticket's entry had no part in this draw.
    OtherDraw,
}

/// True if a room has given a ticket's number, as far as a look shows.
#[must_use]
pub(crate) fn has_given(view: &View, ticket: &Ticket) -> bool {
    match (spot(ticket), ticket.position) {
        (Some(Spot::Pool { tier, index }), _) => {
            view.tiers.get(usize::from(tier)).is_some_and(|tier| index < tier.entries)
        }
        (_, Position::Pool(index)) => index < view.pool_size,
        (_, Position::Line(place)) => place < view.line_size,
    }
}

/// Where the fan of a ticket stands, in a room with tiers; none where the ticket is of a room without.
#[must_use]
pub(crate) fn spot(ticket: &Ticket) -> Option<Spot> {
    let of_tier = ticket.of_tier?;
    Some(match ticket.position {
        Position::Pool(index) => Spot::Pool { tier: of_tier.tier, index },
        Position::Line(place) => Spot::Line { place },
    })
}

impl Standing {
    /// The standing after a new view; the order that was computed before is kept, and so are the rules that were read.
    #[must_use]
    pub fn after(before: Option<&Self>, view: View) -> Self {
        let is_same = |before: &&Self| before.view.draw.descriptor_digest == view.draw.descriptor_digest;
        let rules = before.filter(is_same).map_or_else(|| rules_of(&view), |before| before.rules.clone());
        let known = before.filter(|before| before.view.draw.seed == view.draw.seed);
        let order = known.and_then(|known| known.order.clone());
        let order = order.or_else(|| order_of(&view, rules.as_deref()).map(Arc::new));
        Self { view, rules, order }
    }

    /// The rules of a draw with tiers; none in a room without.
    #[must_use]
    pub fn rules(&self) -> Option<&v2::Descriptor> {
        self.rules.as_deref()
    }

    /// The place of a position in a room without tiers; `None` while the draw is still to come.
    #[must_use]
    pub fn place(&self, position: Position) -> Option<u64> {
        match (position, self.order.as_deref()) {
            (Position::Line(place), _) => Some(place),
            (Position::Pool(index), Some(Order::Pool(shuffle))) => shuffle.place(index),
            (Position::Pool(_), _) => None,
        }
    }

    /// The place of a position in a room with tiers; `None` while the draw is still to come.
    #[must_use]
    pub fn place_at(&self, spot: Spot) -> Option<u64> {
        match (spot, self.order.as_deref()) {
            (Spot::Line { place }, _) => Some(place),
            (Spot::Pool { tier, index }, Some(Order::Tiers(places))) => places.place(tier, index),
            (Spot::Pool { .. }, _) => None,
        }
    }

    /// The place of a ticket of this draw; `None` while the draw is still to come.
    #[must_use]
    pub fn place_of(&self, ticket: &Ticket) -> Option<u64> {
        spot(ticket).map_or_else(|| self.place(ticket.position), |spot| self.place_at(spot))
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
        self.claim_with(self.place(ticket.position), |place| Claimant { place, index, nonce })
    }

    /// The same in a room with tiers; `u` is what the entry's nonce was made of, where the fan shows it.
    #[must_use]
    pub fn claim_in_tier(&self, ticket: &Ticket, u: Option<[u8; 16]>) -> Verdict<TierClaimant> {
        let (Some(spot), Some(of_tier)) = (spot(ticket), ticket.of_tier) else { return Verdict::OtherDraw };
        let entry = if let Spot::Pool { tier, index } = spot { Some((tier, index)) } else { None };
        self.claim_with(self.place_at(spot), |place| TierClaimant { place, entry, u, tag: of_tier.tag })
    }

    fn claim_with<C>(&self, place: Option<u64>, claimant: impl FnOnce(u64) -> C) -> Verdict<C> {
        match place {
            None if self.order.is_some() => Verdict::OtherDraw,
            Some(place) if place < self.view.serving => Verdict::Ask(claimant(place)),
            place => Verdict::NotCalled { place },
        }
    }
}

/// The rules of a draw with tiers, from its descriptor.
fn rules_of(view: &View) -> Option<Arc<v2::Descriptor>> {
    if view.tiers.is_empty() {
        return None;
    }
    v2::Descriptor::parse(&view.draw.descriptor).ok().map(Arc::new)
}

/// The order that follows from a seed, once there is one.
fn order_of(view: &View, rules: Option<&v2::Descriptor>) -> Option<Order> {
    let draw = &view.draw;
    let seed = draw.seed.as_ref()?;
    let Some(rules) = rules else { return Some(Order::Pool(Shuffle::new(seed, draw.entries?))) };
    let frozen = rules.tiers.iter().zip(draw.tiers.as_ref()?);
    let lots = frozen.map(|(tier, frozen)| Lot { band: tier.band, share: tier.share, entries: frozen.entries });
    Places::new(seed, &lots.collect::<Vec<_>>()).ok().map(Order::Tiers)
}
