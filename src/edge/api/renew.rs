//! `POST renew`: whoever has the key that a pass is bound to gets another pass of the same session.
//!
//! Guarantees:
//! - a copied pass ends within `prove`, since nobody but the key's browser gets another
//! - a pass in a cookie is not told to scripts; its hash is, which a proof has to name

use fairgate_entry::binding::token_hash;
use fairgate_token::{Bound, Pass};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::bound_pass::{Shown, extend, shown};
use super::device;
use super::entry::bound;
use super::entry::proof::{self, ProvedCall, binding_desk};
use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::body::Sent;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;

/// The body.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Renewing {
    /// True if the browser has lost its key, and gives the pass in its cookie up.
    lost: bool,
}

#[derive(Serialize)]
struct Renewed<'a> {
    now_ms: u64,
    /// When the next proof is due.
    prove_by_ms: u64,
    expires_at_ms: u64,
    hard_end_at_ms: u64,
    /// For programs that showed it as a bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<&'a str>,
}

pub(crate) async fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let sent = Sent::<Renewing>::read(request)?;
    let desk = binding_desk(room).ok_or(EntryProblem::NotAsked)?;
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let cookie = &room.cookies(request.secure).pass;
    if matches!(sent, Sent::Json(Renewing { lost: true })) {
        return Ok(Answer::empty(StatusCode::NO_CONTENT).set_cookie(&cookie.clear()));
    }
    let over = || -> Result<Answer, Problem> { Ok(sent.reply(Problem::Expired.answer().set_cookie(&cookie.clear()))) };
    let Some(Shown { token, pass, bound, is_bearer }) = shown(edge, room, &snapshot, request)? else { return over() };
    let (key, _) = bound::holder_of(&bound)?;
    proof::check(edge, desk, &snapshot, request, (ProvedCall::Renew, token, &key))
        .map_err(|error| proof::problem(error, Some(token_hash(token))))?;
    let Some(expires_at_ms) = extend(edge, room, pass.place, &bound).await? else { return over() };
    let now_ms = edge.now_ms();
    let bound = Bound { prove_by_ms: now_ms + room.config.session.prove_ms, ..bound };
    let next = Pass::new(room.name(), pass.draw, pass.place, now_ms, expires_at_ms, pass.hard_end_at_ms);
    let next = next.bound_to(bound);
    let token = edge.keys.now().sign_pass(&next);
    edge.passes.remember(&token, next.clone());
    let renewed = Renewed {
        now_ms,
        prove_by_ms: next.bound.as_ref().map_or(next.expires_at_ms, |bound| bound.prove_by_ms),
        expires_at_ms: next.expires_at_ms,
        hard_end_at_ms: next.hard_end_at_ms,
        pass: is_bearer.then_some(&*token),
    };
    let answer = Answer::json(StatusCode::OK, &renewed);
    if is_bearer {
        return Ok(sent.reply(answer));
    }
    let answer = answer.set_cookie(&cookie.set(&token, next.kept_s(now_ms)));
    Ok(sent.reply(device::invite(edge, room, &next, request.secure, answer)))
}
