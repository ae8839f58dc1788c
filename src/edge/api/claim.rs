//! `POST claim`: a called fan asks to be admitted, and gets the pass.
//!
//! Guarantees: a fan who was not called is answered from memory. Everyone else is decided by the store, once a place.
//! A retry after a lost reply gets the same session again. Where tickets are bound to keys, whoever shows none is asked to.

use fairgate_draw::ZERO;
use fairgate_draw::v2::{self, Nonce};
use http::StatusCode;
use http::header::HeaderValue;
use serde::{Deserialize, Serialize};

use super::entry::bound::{self, Known, ShownBesides};
use super::entry::owed;
use super::join::{self, decode_nonce};
use super::ticket::{self, Shown};
use super::waiting_page;
use super::{arrive, device, lost_number};
use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::body::Sent;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::batch::BatchError;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::keyed::Keyed;
use crate::edge::room::snapshot::{Snapshot, Verdict};
use fairgate_core::room::{ClaimOutcome, Claimant, Refusal, TierClaimant};
use fairgate_token::{OfTier, Pass, Ticket};

/// The body of a claim.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Claim {
    /// The 16 random bytes that the fan's entry was made of, base64url: evidence for the public list of claims.
    nonce: Option<String>,
    /// In a room with tiers: the 16 random bytes that the entry's nonce was made of.
    u: Option<String>,
    /// What was shown, for pages of other origins, which have no cookie here.
    vouchers: Vec<String>,
    /// The thumbprint of the key that is to be the ticket's, where the other is lost.
    jkt: Option<String>,
    /// The letters that were shown with the receipt.
    keepsake: Option<String>,
}

#[derive(Serialize)]
struct Admitted<'a> {
    pass: &'a str,
    expires_at_ms: u64,
    hard_end_at_ms: u64,
    place: u64,
    admitted_at_ms: u64,
    session: String,
    /// The ticket, where it is another one: it names another key.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<&'a str>,
}

#[derive(Serialize)]
struct NotYet<'a> {
    place: Option<u64>,
    serving: u64,
    retry_after_ms: u64,
    reason: &'static str,
    /// As in [`Admitted`].
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<&'a str>,
}

pub(crate) async fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let sent = Sent::<Claim>::read(request)?;
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let (outcome, judged_cookie) = match ticket::shown(edge, room, &snapshot, request) {
        Ok(Shown { ticket, token, in_cookie }) => {
            lost_number::check(edge, room, &snapshot, &ticket).await?;
            let claimed = match arrive::counting(edge, room, &snapshot, ticket).await {
                Ok(ticket) => {
                    let shown = shown_bytes(&sent, &ticket)?;
                    claim(edge, room, &snapshot, (ticket, token, shown), &sent, request).await
                }
                Err(problem) => Err(problem),
            };
            (claimed, in_cookie)
        }
        Err(problem) => (Err(problem), room.cookies(request.secure).ticket.find(request.headers).is_some()),
    };
    match outcome {
        Ok(answer) => Ok(sent.reply(answer)),
        Err(problem) if is_final(&problem) && judged_cookie => {
            // The ticket is of no use any more, and would stand in the way of joining again.
            let cleared = room.cookies(request.secure).ticket.clear();
            let answer = match (&sent, &problem) {
                (Sent::Form { return_to }, Problem::Expired) => waiting_page::expired(room, request.headers, return_to),
                _ => sent.reply(problem.answer()),
            };
            Ok(answer.set_cookie(&cleared))
        }
        Err(problem) => Err(problem),
    }
}

/// The bytes that the ticket's entry was made of. Others say nothing about it, and are no reason to keep a fan outside.
fn shown_bytes(sent: &Sent<Claim>, ticket: &Ticket) -> Result<Option<[u8; 16]>, Problem> {
    let Sent::Json(Claim { nonce, u, .. }) = sent else { return Ok(None) };
    let Some(text) = (if ticket.of_tier.is_some() { u } else { nonce }) else { return Ok(None) };
    let shown = decode_nonce(text)?;
    let entry = match ticket.of_tier {
        None => fairgate_draw::entry(&ticket.draw, &shown, &ZERO),
        Some(OfTier { tier, tag }) => v2::entry(&ticket.draw, tier, Nonce::of(&shown), &tag),
    };
    Ok(Some(shown).filter(|_| entry == ticket.entry))
}

fn is_final(problem: &Problem) -> bool {
    matches!(problem, Problem::BadTicket(_) | Problem::OtherDraw | Problem::Expired)
}

async fn claim(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    (ticket, token, shown): (Ticket, &str, Option<[u8; 16]>),
    sent: &Sent<Claim>,
    request: &FanRequest<'_>,
) -> Result<Answer, Problem> {
    let (place, asked) = match ticket.of_tier {
        None => match snapshot.claim(&ticket, shown) {
            Verdict::Ask(claimant) => (claimant.place, Asked::Plain(claimant)),
            verdict => return unasked(room, snapshot, verdict),
        },
        Some(_) => match snapshot.claim_in_tier(&ticket, shown) {
            Verdict::Ask(claimant) => (claimant.place, Asked::InTier(claimant)),
            verdict => return unasked(room, snapshot, verdict),
        },
    };
    let besides = shown_besides(sent);
    let known = bound::claimant(edge, room, snapshot, request, (ticket, token), besides).await?;
    owed::check(edge, room, snapshot, &known.ticket, request, besides.vouchers)?;
    let holder = known.holder();
    let outcome = match asked {
        Asked::Plain(ask) => room.claims.ask(Keyed { ask, holder }).await,
        Asked::InTier(ask) => room.tiers.claims.ask(Keyed { ask, holder }).await,
    };
    // Whoever has named another key has to have the ticket that names it.
    let ticket = known.is_new.then(|| edge.keys.now().sign_ticket(&known.ticket));
    let told = match outcome {
        Ok(ClaimOutcome::Admitted { admitted_at_ms, expires_at_ms, hard_end_at_ms }) => {
            let pass = pass(edge, room, &known, (place, expires_at_ms, hard_end_at_ms));
            Ok(admitted(edge, room, &pass, admitted_at_ms, ticket.as_deref(), request.secure))
        }
        Ok(ClaimOutcome::NotCalled) => Ok(not_called(room, snapshot, Some(place), ticket.as_deref())),
        Ok(ClaimOutcome::Wait { retry_after_ms }) => Ok(held(snapshot, place, retry_after_ms, ticket.as_deref())),
        Ok(ClaimOutcome::Expired) => Err(Problem::Expired),
        Ok(ClaimOutcome::Moved { since_ms }) => Err(EntryProblem::Moved { since_ms }.into()),
        Ok(ClaimOutcome::Unknown) => Err(lost_number::unknown_place(edge, room, place).await),
        Err(BatchError::Refused(Refusal::Ended)) => Err(Problem::Ended),
        Err(BatchError::Refused(_) | BatchError::Unavailable) => Err(edge.store_unavailable()),
        Err(BatchError::Full) => Err(Problem::Busy { retry_after_ms: edge.retry_after_ms() }),
    };
    match (told, ticket) {
        (Ok(answer), Some(ticket)) => {
            Ok(answer.set_cookie(&join::cookie(edge, room, snapshot, &ticket, request.secure)))
        }
        (told, _) => told,
    }
}

/// What the store is asked.
enum Asked {
    Plain(Claimant),
    InTier(TierClaimant),
}

fn shown_besides(sent: &Sent<Claim>) -> ShownBesides<'_> {
    let Sent::Json(Claim { vouchers, jkt, keepsake, .. }) = sent else { return ShownBesides::default() };
    ShownBesides { jkt: jkt.as_deref(), keepsake: keepsake.as_deref(), vouchers }
}

/// The pass of whoever was let in until then, and at most until then.
fn pass(edge: &Edge, room: &LiveRoom, known: &Known, (place, expires_at_ms, hard_end_at_ms): (u64, u64, u64)) -> Pass {
    let now_ms = edge.now_ms();
    let pass = Pass::new(room.name(), known.ticket.draw, place, now_ms, expires_at_ms, hard_end_at_ms);
    match known.bound(room, now_ms) {
        Some(bound) => pass.bound_to(bound),
        None => pass,
    }
}

/// What a fan is told whom the store need not judge.
fn unasked<C>(room: &LiveRoom, snapshot: &Snapshot, verdict: Verdict<C>) -> Result<Answer, Problem> {
    match verdict {
        Verdict::NotCalled { place } => Ok(not_called(room, snapshot, place, None)),
        Verdict::Ask(_) | Verdict::OtherDraw => Err(Problem::OtherDraw),
    }
}

fn admitted(
    edge: &Edge,
    room: &LiveRoom,
    pass: &Pass,
    admitted_at_ms: u64,
    ticket: Option<&str>,
    secure: bool,
) -> Answer {
    let token = edge.keys.now().sign_pass(pass);
    edge.passes.remember(&token, pass.clone());
    let kept_s = pass.kept_s(pass.issued_at_ms);
    let body = Admitted {
        pass: &token,
        expires_at_ms: pass.expires_at_ms,
        hard_end_at_ms: pass.hard_end_at_ms,
        place: pass.place,
        admitted_at_ms,
        session: pass.session.to_string(),
        ticket,
    };
    let answer = Answer::json(StatusCode::OK, &body).set_cookie(&room.cookies(secure).pass.set(&token, kept_s));
    device::invite(edge, room, pass, secure, answer)
}

fn not_called(room: &LiveRoom, snapshot: &Snapshot, place: Option<u64>, ticket: Option<&str>) -> Answer {
    let view = &snapshot.view;
    let poll = &room.config.poll;
    let ahead = place.map_or(0, |place| place.saturating_sub(view.serving));
    let expected_wait_ms = room.advance(view).wait_ms(ahead).unwrap_or(poll.ceiling_ms);
    let retry_after_ms = (expected_wait_ms / u64::from(poll.divisor.max(1))).clamp(poll.floor_ms, poll.ceiling_ms);
    not_yet(&NotYet { place, serving: view.serving, retry_after_ms, reason: "not_called", ticket })
}

fn held(snapshot: &Snapshot, place: u64, retry_after_ms: u64, ticket: Option<&str>) -> Answer {
    let view = &snapshot.view;
    let reason = match (view.is_sold_out(), view.paused) {
        (true, _) => "sold_out",
        (false, true) => "paused",
        (false, false) => "cap",
    };
    not_yet(&NotYet { place: Some(place), serving: view.serving, retry_after_ms, reason, ticket })
}

fn not_yet(body: &NotYet<'_>) -> Answer {
    let retry_after_ms = body.retry_after_ms;
    let mut answer = Answer::json(StatusCode::ACCEPTED, body).retry_after_ms(retry_after_ms);
    answer.headers.push((http::header::VARY, HeaderValue::from_static("Cookie, Authorization")));
    answer
}
