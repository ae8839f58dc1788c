//! Tickets with numbers that the room never gave: proof that its store has lost recent data.
//!
//! Guarantees: such a ticket is neither cleared nor taken for another draw's, and its fan is told to come back. The
//! store is asked again first, since a ticket may be younger than the snapshot. The loss is logged and counted once
//! for each number that proves more. The room learns of it, so that it gives no number twice.

use crate::edge::context::Edge;
use crate::edge::http::problem::Problem;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::{Snapshot, has_given};
use fairgate_core::room::{Command, GAP, Position, View};
use fairgate_token::Ticket;

/// The age up to which a ticket may be younger than the snapshot of an edge.
const YOUNG_MS: u64 = 3_000;

/// Checks that the room has given a ticket's number.
///
/// # Errors
/// The room has lost its end; the fan is to come back.
pub(crate) async fn check(edge: &Edge, room: &LiveRoom, snapshot: &Snapshot, ticket: &Ticket) -> Result<(), Problem> {
    let is_young = edge.now_ms() < ticket.issued_at_ms.saturating_add(YOUNG_MS);
    if has_given(&snapshot.view, ticket) || is_young {
        return Ok(());
    }
    let Some(_asking) = room.loss.try_ask() else { return Err(edge.mending()) };
    let view = edge.store.view(room.name()).await.map_err(|_| edge.store_unavailable())?;
    if has_given(&view, ticket) {
        return Ok(());
    }
    // While others put back what they know, more may be known in a moment.
    if !view.mending {
        prove(edge, room, &view, ticket.position, tier(ticket)).await;
    }
    Err(edge.mending())
}

/// A claim was answered that there is no such place.
pub(super) async fn unknown_place(edge: &Edge, room: &LiveRoom, place: u64) -> Problem {
    if let Ok(view) = edge.store.view(room.name()).await
        && !view.mending
        && place >= view.line_size
    {
        prove(edge, room, &view, Position::Line(place), None).await;
    }
    edge.mending()
}

/// The tier in whose roster a ticket's number counts, if it does in one.
fn tier(ticket: &Ticket) -> Option<u8> {
    matches!(ticket.position, Position::Pool(_)).then_some(ticket.of_tier?.tier)
}

async fn prove(edge: &Edge, room: &LiveRoom, view: &View, position: Position, tier: Option<u8>) {
    let in_tier = tier.and_then(|tier| view.tiers.get(usize::from(tier)));
    let known = in_tier.map_or_else(|| view.pool_size.max(view.line_size), |tier| tier.entries);
    let end = position.number() + 1;
    let is_news = room.loss.note(tier, end);
    // The roster is closed: its draw has no place for an entry that it does not have.
    let may_learn = matches!(position, Position::Line(_)) || view.line_size == 0;
    if is_news {
        edge.metrics.rooms().observe_loss_proved(room.name());
        tracing::error!(
            room = room.name(),
            ticket = ?position,
            tier,
            known,
            "a ticket that this fleet signed has a number that the room never gave: its store has lost its end, or an older \
             backup of it is in use. Nothing was cleared, and the fan was told to come back. {}",
            if may_learn {
                "The room leaves the numbers up to it out, and goes on behind them; who was let in since may be let in again"
            } else {
                "The roster is closed without this entry: put a later backup in place (see `fairgate store restore --help`)"
            }
        );
    }
    let learn = match tier {
        None => Command::Learn { end, left_out: GAP },
        Some(tier) => Command::LearnTier { tier, end, left_out: GAP },
    };
    if may_learn && let Err(error) = edge.store.apply(room.name(), learn).await {
        tracing::error!(room = room.name(), %error, "the room could not be told what a ticket proves");
    }
}
