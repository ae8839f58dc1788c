//! Tickets that are bound to a key: who may claim with one, and who may give its place up.
//!
//! Guarantees:
//! - a copied ticket claims nothing and gives nothing up
//! - a lost key loses no place: the keepsake, or an identity that was shown since, names another key, which is a move
//! - nothing here ends a ticket

use fairgate_core::room::{Command, Holder, KeyName, LINE, Move, MoveOutcome, Outcome, Position, Refusal, Spot};
use fairgate_draw::v2::tag;
use fairgate_entry::binding::{Keepsake, KeepsakeHash, Thumbprint};
use fairgate_entry::voucher::IDENTITY_S_MAX;
use fairgate_entry::way::WayName;
use fairgate_store::StoreError;
use fairgate_token::{Bound, Terms, Ticket};

use super::owed;
use super::proof::{self, ProvedCall, binding_desk};
use crate::edge::context::Edge;
use crate::edge::entry::desk::Desk;
use crate::edge::entry::shown::check_vouchers;
use crate::edge::entry::wallet::texts;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::{Snapshot, spot};
use crate::observe::MovedBy;

/// Where a ticket names no key.
const NO_KEY: KeyName = [0; 16];

/// What a claim shows besides its ticket.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::edge::api) struct ShownBesides<'s> {
    /// The thumbprint of the key that is to be the ticket's, base64url.
    pub(in crate::edge::api) jkt: Option<&'s str>,
    /// What somebody typed as the keepsake.
    pub(in crate::edge::api) keepsake: Option<&'s str>,
    /// Vouchers, for pages of other origins, which have no cookie here.
    pub(in crate::edge::api) vouchers: &'s [String],
}

/// Whoever has shown to be a ticket's fan.
pub(in crate::edge::api) struct Known {
    /// The ticket; another one where a key was named.
    pub(in crate::edge::api) ticket: Ticket,
    /// True if it is another one, which the fan has to have.
    pub(in crate::edge::api) is_new: bool,
    /// The key; none in a room that binds to none, and for browsers that can keep none.
    key: Option<Thumbprint>,
}

impl Known {
    fn of(ticket: Ticket, key: Option<Thumbprint>) -> Self {
        Self { ticket, is_new: false, key }
    }

    /// Whom the store is told to be the ticket's fan.
    pub(in crate::edge::api) fn holder(&self) -> Option<Holder> {
        self.key.map(|key| Holder { at: seat(&self.ticket), key: key.short() })
    }

    /// What the pass is bound to.
    pub(in crate::edge::api) fn bound(&self, room: &LiveRoom, now_ms: u64) -> Option<Bound> {
        let key = self.key?.to_base64url();
        let prove_by_ms = now_ms + room.config.session.prove_ms;
        Some(Bound { key, position: owed::position(&self.ticket), prove_by_ms, is_device: false })
    }
}

/// Where a position stands, as the store knows it.
pub(super) fn seat(ticket: &Ticket) -> Spot {
    spot(ticket).unwrap_or(match ticket.position {
        Position::Pool(index) => Spot::Pool { tier: 0, index },
        Position::Line(place) => Spot::Line { place },
    })
}

/// Whom the store is told to be a pass's fan.
///
/// # Errors
/// The pass names no key that can be one.
pub(in crate::edge::api) fn holder_of(bound: &Bound) -> Result<(Thumbprint, Holder), Problem> {
    let key = Thumbprint::read(&bound.key).ok_or(Problem::Internal)?;
    let at = match bound.position {
        (LINE, place) => Spot::Line { place },
        (tier, index) => Spot::Pool { tier, index },
    };
    Ok((key, Holder { at, key: key.short() }))
}

/// Checks that whoever gives a place up has the key that its ticket names, and that the place is still that key's.
///
/// # Errors
/// The proof is missing or does not count, or the place has moved.
pub(in crate::edge::api) async fn check_leaving(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    request: &FanRequest<'_>,
    (ticket, token): (&Ticket, &str),
) -> Result<(), Problem> {
    let Some((desk, key)) = binding_desk(room).zip(key_of(ticket)) else { return Ok(()) };
    proof::check(edge, desk, snapshot, request, (ProvedCall::Leave, token, &key))
        .map_err(|error| proof::problem(error, None))?;
    check_held(edge, room, desk, ticket, &key).await
}

/// Checks that a place is still the key's that its ticket names.
///
/// # Errors
/// It has moved.
pub(super) async fn check_held(
    edge: &Edge,
    room: &LiveRoom,
    desk: &Desk,
    ticket: &Ticket,
    key: &Thumbprint,
) -> Result<(), Problem> {
    // To move it to where it is changes nothing, and tells whether it is there.
    let stays = Move { at: seat(ticket), from: key.short(), to: key.short(), most: desk.policy.moves };
    match edge.store.apply(room.name(), Command::Move(stays)).await {
        Ok(Outcome::Moved(MoveOutcome::Elsewhere { since_ms })) => Err(EntryProblem::Moved { since_ms }.into()),
        // Until the room is whole again, edges may still put back where it is.
        Err(StoreError::Refused(Refusal::Recovering { .. })) => Err(edge.mending()),
        Ok(_) | Err(StoreError::Refused(_)) => Ok(()),
        Err(StoreError::Unavailable(_) | StoreError::Damaged(_)) => Err(edge.store_unavailable()),
    }
}

/// Who claims with a ticket: whoever has its key, or shows otherwise to be its fan.
///
/// # Errors
/// The proof does not count, or nothing shows who it is.
pub(in crate::edge::api) async fn claimant(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    request: &FanRequest<'_>,
    (ticket, token): (Ticket, &str),
    shown: ShownBesides<'_>,
) -> Result<Known, Problem> {
    let Some(desk) = binding_desk(room) else { return Ok(Known::of(ticket, None)) };
    let key = key_of(&ticket);
    if let (Some(key), true) = (key, proof::is_shown(request)) {
        let proved = proof::check(edge, desk, snapshot, request, (ProvedCall::Claim, token, &key));
        return proved.map(|()| Known::of(ticket, Some(key))).map_err(|error| proof::problem(error, None));
    }
    let Some(by) = shown_otherwise(edge, room, desk, request, &ticket, &shown)? else {
        return Err(ask_otherwise(edge, desk, &ticket));
    };
    let Some(jkt) = shown.jkt else {
        // A browser that can keep no key comes in by what it shows.
        return if key.is_none() { Ok(Known::of(ticket, None)) } else { Err(ask_otherwise(edge, desk, &ticket)) };
    };
    let new = Thumbprint::read(jkt)
        .ok_or_else(|| Problem::BadBody("jkt must be 32 bytes in base64url without padding".to_owned()))?;
    let (at, from) = (seat(&ticket), key.map_or(NO_KEY, |key| key.short()));
    let wanted = Move { at, from, to: new.short(), most: desk.policy.moves };
    match edge.store.apply(room.name(), Command::Move(wanted)).await {
        Ok(Outcome::Moved(MoveOutcome::Moved { .. })) => {}
        Ok(Outcome::Moved(MoveOutcome::Elsewhere { since_ms })) => return Err(EntryProblem::Moved { since_ms }.into()),
        Ok(Outcome::Moved(MoveOutcome::Spent)) => return Err(ask_an_organizer(edge, desk, &ticket)),
        Ok(Outcome::Moved(MoveOutcome::Gone)) => return Err(edge.mending()),
        Ok(_) | Err(StoreError::Refused(_) | StoreError::Unavailable(_) | StoreError::Damaged(_)) => {
            return Err(edge.store_unavailable());
        }
    }
    desk.metrics.observe_move(by);
    let moves = ticket.terms.moves.saturating_add(1);
    let terms = Terms { key: Some(new.to_base64url()), moves, ..ticket.terms };
    Ok(Known { ticket: Ticket { terms, ..ticket }, is_new: true, key: Some(new) })
}

pub(super) fn key_of(ticket: &Ticket) -> Option<Thumbprint> {
    ticket.terms.key.as_deref().and_then(Thumbprint::read)
}

/// By what somebody shows to be a ticket's fan, where it is not the key.
fn shown_otherwise(
    edge: &Edge,
    room: &LiveRoom,
    desk: &Desk,
    request: &FanRequest<'_>,
    ticket: &Ticket,
    shown: &ShownBesides<'_>,
) -> Result<Option<MovedBy>, Problem> {
    check_vouchers(shown.vouchers)?;
    let hash = ticket.terms.keepsake.as_deref().and_then(KeepsakeHash::read);
    let keepsake = shown.keepsake.and_then(Keepsake::read);
    if hash.zip(keepsake).is_some_and(|(hash, keepsake)| hash.is_of(&keepsake)) {
        return Ok(Some(MovedBy::Keepsake));
    }
    if desk.is_let_in(&ticket.draw, owed::position(ticket)) {
        return Ok(Some(MovedBy::Organizer));
    }
    let Some(of_tier) = ticket.of_tier else { return Ok(None) };
    let (now_ms, key) = (edge.now_ms(), desk.tag_key(&ticket.draw));
    let kept = texts(room.cookies(request.secure).me.find(request.headers));
    let is_again = |text: &str| {
        let Ok(voucher) = desk.vouchers.open(text, room.name(), now_ms) else { return false };
        // A copy of the browser's cookies has the vouchers that the ticket was got with, and none that is younger.
        let made_ms = voucher.expires_s.saturating_sub(IDENTITY_S_MAX) * 1000;
        let is_own = voucher.person.identity.is_some_and(|identity| tag(&key, &identity) == of_tier.tag);
        is_own && made_ms > ticket.issued_at_ms
    };
    let is_shown = shown.vouchers.iter().map(String::as_str).chain(kept).any(is_again);
    Ok(is_shown.then_some(MovedBy::Identity))
}

pub(super) fn ask_otherwise(edge: &Edge, desk: &Desk, ticket: &Ticket) -> Problem {
    let ways = if desk.policy.moves == 0 { Vec::new() } else { desk.ways_to_prove_otherwise() };
    ask(edge, desk, ticket, ways)
}

/// The position has moved as often as it may.
fn ask_an_organizer(edge: &Edge, desk: &Desk, ticket: &Ticket) -> Problem {
    ask(edge, desk, ticket, Vec::new())
}

fn ask(edge: &Edge, desk: &Desk, ticket: &Ticket, ways: Vec<WayName>) -> Problem {
    let asked = desk.prove_otherwise(&ticket.draw, owed::position(ticket), ways, edge.now_ms());
    EntryProblem::ProveOtherwise(asked).into()
}
