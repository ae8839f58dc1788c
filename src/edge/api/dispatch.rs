//! Dispatch of the API: gives each call of a fan to its handler. No listener and no connection is involved.
//!
//! Guarantees: a call with another method is refused. A `POST` from a page of another site changes nothing.

use http::Method;

use super::claim;
use super::coming;
use super::device;
use super::entry;
use super::entry::proof::{binding_desk, with_nonce};
use super::join;
use super::leave;
use super::renew;
use super::status;
use super::waiting_page;
use crate::edge::context::Edge;
use crate::edge::draw::beacon;
use crate::edge::draw::counts;
use crate::edge::draw::past;
use crate::edge::draw::public_lists::{self, ListAnswer};
use crate::edge::draw::record;
use crate::edge::draw::tiers::{self, Column};
use crate::edge::http::answer::Answer;
use crate::edge::http::cors;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::page::WorkerScript;
use fairgate_core::request::fan_call::{FanCall, PastFile};

/// The answer to a call.
pub(crate) enum Reply {
    /// All of it.
    Whole(Answer),
    /// A list, which may be far larger than what should be in memory at once.
    List(ListAnswer),
}

/// Answers one call.
///
/// # Errors
/// The problem to tell instead.
pub(crate) async fn answer(
    edge: &Edge,
    room: &LiveRoom,
    call: FanCall,
    request: &FanRequest<'_>,
) -> Result<Reply, Problem> {
    if request.method == Method::OPTIONS {
        let asks = request.is_from_named_origin && cors::is_preflight(request.method, request.headers);
        let answer = if asks { cors::preflight(call.allow()) } else { Answer::options(call.allow()) };
        return Ok(Reply::Whole(answer));
    }
    if !call.allow().split(", ").any(|allowed| allowed == request.method.as_str()) {
        return Err(Problem::Method { allow: call.allow() });
    }
    if request.method == Method::POST && !request.is_own() {
        return Err(Problem::ForeignOrigin);
    }
    let answer = match present(room, call) {
        FanCall::Draws => past::serve::list(edge, room),
        FanCall::PastKeys => Ok(edge.keys.now().jwks.clone()),
        FanCall::Past(digest, file @ (PastFile::Record | PastFile::Counts | PastFile::LogProof(_))) => {
            past::serve::document(edge, room, &digest, file).await
        }
        FanCall::Past(digest, PastFile::Proof(index)) => past::proof::of_entry(room, &digest, index).await,
        FanCall::Past(digest, PastFile::TierProof(tier, index)) => {
            past::proof::of_tier(room, &digest, tier, index).await
        }
        FanCall::Past(digest, file) => return past::serve::lines(room, &digest, file, request).map(Reply::List),
        FanCall::Status => status::answer(edge, room, request),
        FanCall::Join => join::answer(edge, room, request).await,
        FanCall::Move if request.method != Method::POST => waiting_page::move_page(room, request),
        FanCall::Device => device::register(edge, room, request).await,
        FanCall::DeviceRefresh => device::refresh(edge, room, request).await,
        FanCall::Claim | FanCall::Leave | FanCall::Renew => bound_call(edge, room, call, request).await,
        FanCall::Move | FanCall::MoveAccept | FanCall::MoveConfirm => bound_call(edge, room, call, request).await,
        FanCall::Entry(call) => entry::dispatch::answer(edge, room, call, request).await,
        FanCall::Calendar => coming::calendar(edge, room, request),
        FanCall::Check => Ok(waiting_page::check(room, request)),
        FanCall::RoundScript => Ok(waiting_page::worker(WorkerScript::Round, request)),
        FanCall::SeenScript => Ok(waiting_page::worker(WorkerScript::Seen, request)),
        FanCall::KeepScript => Ok(waiting_page::keep_script(request)),
        FanCall::Draw => record::record(edge, room, request),
        FanCall::Counts => counts::answer(edge, room, request),
        FanCall::Proof(index) => record::proof(edge, room, index, request).await,
        FanCall::TierProof(tier, index) => tiers::proof(edge, room, tier, index, request).await,
        FanCall::LogProof(statement) => record::log_proof(edge, room, statement, request),
        FanCall::Beacon => beacon::answer(edge, room, request).await,
        FanCall::Roster => return public_lists::roster(edge, room, request).map(Reply::List),
        FanCall::TierRoster(tier) => return tier_list(edge, room, (Column::Entries, tier), request),
        FanCall::TierTags(tier) => return tier_list(edge, room, (Column::Tags, tier), request),
        FanCall::Claims => return public_lists::claims(edge, room, request).map(Reply::List),
    };
    answer.map(Reply::Whole)
}

/// A draw that is named by its digest may be the present one.
fn present(room: &LiveRoom, call: FanCall) -> FanCall {
    let FanCall::Past(digest, file) = call else { return call };
    let is_present = room.snapshot().is_some_and(|now| now.view.draw.descriptor_digest == digest);
    if is_present { file.of_present() } else { call }
}

/// A call that whoever has the key of a ticket or pass proves: what dates the next proof comes with every answer.
async fn bound_call(edge: &Edge, room: &LiveRoom, call: FanCall, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let answer = match call {
        FanCall::Claim => claim::answer(edge, room, request).await,
        FanCall::Leave => leave::answer(edge, room, request).await,
        FanCall::Move => entry::moving::offer::answer(edge, room, request).await,
        FanCall::MoveAccept => entry::moving::accept::answer(edge, room, request).await,
        FanCall::MoveConfirm => entry::moving::confirm::answer(edge, room, request).await,
        _ => renew::answer(edge, room, request).await,
    };
    if binding_desk(room).is_none() {
        return answer;
    }
    let answer = answer.unwrap_or_else(|problem| problem.told(request.headers, || Some(&*room.config.title)));
    Ok(with_nonce(edge, room, answer))
}

fn tier_list(edge: &Edge, room: &LiveRoom, list: (Column, u8), request: &FanRequest<'_>) -> Result<Reply, Problem> {
    public_lists::tier(edge, room, list, request).map(Reply::List)
}
