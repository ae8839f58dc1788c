//! `POST move/confirm`: the first device says that both show one number, and the place is the other one's.
//!
//! Guarantees: a number that differs ends the offer. In a room with identities whoever confirms shows the place's own.

use fairgate_core::room::{Command, Move, MoveOutcome, Outcome};
use fairgate_draw::v2::tag;
use fairgate_entry::binding::offer::MOVED_S;
use fairgate_store::StoreError;
use fairgate_token::Ticket;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{moving_desk, own, owner, place_of, unavailable};
use crate::edge::api::entry::bound::seat;
use crate::edge::api::entry::desk::moment;
use crate::edge::api::entry::proof::ProvedCall;
use crate::edge::context::Edge;
use crate::edge::entry::desk::Desk;
use crate::edge::entry::shown::{check_length, check_vouchers};
use crate::edge::entry::wallet::texts;
use crate::edge::http::answer::Answer;
use crate::edge::http::body::Sent;
use crate::edge::http::entry_problem::{EntryProblem, Missing};
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;

const NUMBER_BYTES_MAX: usize = 8;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Confirming {
    offer: String,
    /// The two digits that both devices show.
    number: String,
    /// Vouchers, for pages of other origins, which have no cookie here.
    vouchers: Vec<String>,
}

#[derive(Serialize)]
struct Moved {
    /// Since when the place is the other device's, Unix ms.
    since_ms: u64,
}

pub(in crate::edge::api) async fn answer(
    edge: &Edge,
    room: &LiveRoom,
    request: &FanRequest<'_>,
) -> Result<Answer, Problem> {
    let Sent::Json(asked) = Sent::<Confirming>::read(request)? else { return Err(EntryProblem::NotAsked.into()) };
    let desk = moving_desk(room)?;
    check_vouchers(&asked.vouchers)?;
    check_length("number", Some(&asked.number), NUMBER_BYTES_MAX)?;
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let owner = owner(edge, room, desk, &snapshot, request, ProvedCall::MoveConfirm).await?;
    let open = own(edge, room, desk, &snapshot, (&asked.offer, &owner.ticket)).await?;
    let by = open.by().ok_or(EntryProblem::NotAccepted)?;
    let (name, place) = (open.name, place_of(desk, &owner.ticket));
    let end = async |kept_ms| edge.store.end_offer(room.name(), &name, &place, kept_ms).await;
    if asked.number != open.offered.offer.number(&by.key) {
        end(None).await.map_err(|error| unavailable(edge, &error))?;
        return Err(EntryProblem::NumberWrong.into());
    }
    check_identity(edge, room, desk, request, (&owner.ticket, &asked.vouchers))?;
    let wanted = Move { at: seat(&owner.ticket), from: owner.key.short(), to: by.key.short(), most: desk.policy.moves };
    shift(edge, room, wanted).await?;
    // Where this is lost the page confirms again, which moves nothing a second time.
    end(Some(1000 * MOVED_S)).await.map_err(|error| unavailable(edge, &error))?;
    if !open.row.is_done {
        desk.moved(&moment(edge, &snapshot, request));
    }
    Ok(Answer::json(StatusCode::OK, &Moved { since_ms: edge.now_ms() }))
}

async fn shift(edge: &Edge, room: &LiveRoom, wanted: Move) -> Result<(), Problem> {
    match edge.store.apply(room.name(), Command::Move(wanted)).await {
        Ok(Outcome::Moved(MoveOutcome::Moved { .. })) => Ok(()),
        Ok(Outcome::Moved(MoveOutcome::Elsewhere { since_ms })) => Err(EntryProblem::Moved { since_ms }.into()),
        Ok(Outcome::Moved(MoveOutcome::Spent)) => Err(EntryProblem::MoveSpent.into()),
        Ok(Outcome::Moved(MoveOutcome::Gone)) => Err(edge.mending()),
        Ok(_) | Err(StoreError::Refused(_) | StoreError::Unavailable(_) | StoreError::Damaged(_)) => {
            Err(edge.store_unavailable())
        }
    }
}

/// Checks that whoever confirms has signed in as the place's own identity, where it has one.
fn check_identity(
    edge: &Edge,
    room: &LiveRoom,
    desk: &Desk,
    request: &FanRequest<'_>,
    (ticket, vouchers): (&Ticket, &[String]),
) -> Result<(), Problem> {
    let ways = desk.ways_to_prove_otherwise();
    let Some(of_tier) = ticket.of_tier.filter(|_| !ways.is_empty()) else { return Ok(()) };
    let (key, now_ms) = (desk.tag_key(&ticket.draw), edge.now_ms());
    let kept = texts(room.cookies(request.secure).me.find(request.headers));
    let is_own = |text: &str| {
        let voucher = desk.vouchers.open(text, room.name(), now_ms).ok();
        voucher.and_then(|voucher| voucher.person.identity).is_some_and(|identity| tag(&key, &identity) == of_tier.tag)
    };
    if vouchers.iter().map(String::as_str).chain(kept).any(is_own) {
        return Ok(());
    }
    Err(EntryProblem::Required(Missing { any_of: ways, ..Missing::default() }).into())
}
