//! `POST move/accept`: another device takes a place that it is shown, and gets the ticket once the first device agrees.
//!
//! Guarantees: who accepts first has accepted. Whoever guesses letters is soon told to wait, by every edge of a fleet.

use fairgate_entry::binding::{Acceptance, KeepsakeHash, Letters, Offer, Thumbprint};
use fairgate_store::Typed;
use fairgate_token::{Terms, Ticket};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{LOOK_AGAIN_MS, Open, bad_offer, look, moving_desk, open, take, unavailable};
use crate::edge::api::entry::desk::moment;
use crate::edge::api::entry::proof::{self, ProvedCall};
use crate::edge::api::join;
use crate::edge::api::newcomer::Entered;
use crate::edge::context::Edge;
use crate::edge::entry::desk::Desk;
use crate::edge::entry::moves::guesser;
use crate::edge::entry::shown::check_length;
use crate::edge::http::answer::Answer;
use crate::edge::http::body::Sent;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;

/// No letters that somebody types are longer.
const TYPED_BYTES_MAX: usize = 64;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Accepting {
    /// The offer, as the QR code has it.
    offer: Option<String>,
    /// Its letters, as somebody typed them.
    letters: Option<String>,
    /// The thumbprint of this device's key.
    jkt: String,
    /// The hash of this device's keepsake.
    keepsake: Option<String>,
}

#[derive(Serialize)]
struct Waiting {
    /// What the first device shows, too.
    number: String,
    until_ms: u64,
    retry_after_ms: u64,
}

pub(in crate::edge::api) async fn answer(
    edge: &Edge,
    room: &LiveRoom,
    request: &FanRequest<'_>,
) -> Result<Answer, Problem> {
    let Sent::Json(asked) = Sent::<Accepting>::read(request)? else { return Err(EntryProblem::NotAsked.into()) };
    let desk = moving_desk(room)?;
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let by = acceptance(&asked)?;
    // A proof names what it accepts: there is no ticket yet.
    let said = asked.offer.as_deref().or(asked.letters.as_deref()).ok_or_else(|| bad_offer("offer"))?;
    proof::check(edge, desk, &snapshot, request, (ProvedCall::MoveAccept, said, &by.key))
        .map_err(|error| proof::problem(error, None))?;
    let open = find(edge, room, desk, &snapshot, request, &asked).await?;
    let ticket = edge.keys.now().verify_ticket(&open.offered.ticket, room.name());
    let ticket = ticket.map_err(|_| EntryProblem::OfferUnknown)?;
    if ticket.terms.key.as_deref() == Some(&*by.key.to_base64url()) {
        return Err(EntryProblem::OfferTaken.into());
    }
    let open = match open.by() {
        Some(_) => Some(open),
        None => take(edge, room, desk, &open.name, Some(by.to_text())).await?,
    };
    let open = open.ok_or(EntryProblem::OfferUnknown)?;
    if open.by() != Some(by) {
        return Err(EntryProblem::OfferTaken.into());
    }
    let number = open.offered.offer.number(&by.key);
    if !open.row.is_done {
        let waiting = Waiting { number, until_ms: open.offered.until_ms, retry_after_ms: LOOK_AGAIN_MS };
        return Ok(Answer::json(StatusCode::ACCEPTED, &waiting).retry_after_ms(LOOK_AGAIN_MS));
    }
    let entered = Entered { ticket: moved(ticket, &by), again: true };
    let token = edge.keys.now().sign_ticket(&entered.ticket);
    let cookie = join::cookie(edge, room, &snapshot, &token, request.secure);
    Ok(join::joined(&entered, &token, Some(&open.offered.return_to)).set_cookie(&cookie))
}

/// The ticket of the same place for the other device.
fn moved(ticket: Ticket, by: &Acceptance) -> Ticket {
    let terms = Terms {
        key: Some(by.key.to_base64url()),
        keepsake: by.keepsake.map(|hash| hash.to_base64url()),
        moves: ticket.terms.moves.saturating_add(1),
        ..ticket.terms
    };
    Ticket { terms, ..ticket }
}

fn acceptance(asked: &Accepting) -> Result<Acceptance, Problem> {
    let wrong = |name: &str, bytes: usize| {
        Problem::BadBody(format!("{name} must be {bytes} bytes in base64url without padding"))
    };
    let key = Thumbprint::read(&asked.jkt).ok_or_else(|| wrong("jkt", 32))?;
    let keepsake = asked.keepsake.as_deref().map(|text| KeepsakeHash::read(text).ok_or_else(|| wrong("keepsake", 16)));
    Ok(Acceptance { key, keepsake: keepsake.transpose()? })
}

/// The offer that is shown, or whose letters are.
async fn find(
    edge: &Edge,
    room: &LiveRoom,
    desk: &Desk,
    snapshot: &Snapshot,
    request: &FanRequest<'_>,
    asked: &Accepting,
) -> Result<Open, Problem> {
    if let Some(text) = &asked.offer {
        let offer = Offer::read(text).ok_or_else(|| bad_offer("offer"))?;
        let found = look(edge, room, desk, snapshot, &offer.letters()).await?;
        // Whoever knows the letters alone does not come in by this door, past the limit of the other.
        return found.filter(|open| open.offered.offer.is(&offer)).ok_or_else(|| EntryProblem::OfferUnknown.into());
    }
    check_length("letters", asked.letters.as_ref(), TYPED_BYTES_MAX)?;
    // What is no letters at all tells nobody anything, and is not counted.
    let letters = asked.letters.as_deref().and_then(Letters::read).ok_or(EntryProblem::OfferUnknown)?;
    let by = guesser(desk.network_tag(&moment(edge, snapshot, request)));
    let name = desk.moves.keys.name(&snapshot.view.draw.descriptor_digest, &letters);
    let typed = edge.store.typed_offer(room.name(), &name, &by).await.map_err(|error| unavailable(edge, &error))?;
    match typed {
        Typed::Found(row) => open(room, desk, &name, row).ok_or_else(|| EntryProblem::OfferUnknown.into()),
        Typed::Unknown => Err(EntryProblem::OfferUnknown.into()),
        Typed::TooOften { retry_after_ms } => Err(EntryProblem::TooOften { retry_after_ms }.into()),
    }
}
