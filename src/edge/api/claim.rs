//! `POST claim`: a called fan asks to be admitted, and gets the pass.
//!
//! Guarantees: a fan who was not called is answered from memory. Everyone else is decided by the store, once a place.
//! A retry after a lost reply gets the same session again.

use fairgate_draw::ZERO;
use fairgate_draw::v2::{self, Nonce};
use http::StatusCode;
use http::header::HeaderValue;
use serde::{Deserialize, Serialize};

use super::entry::owed;
use super::join::decode_nonce;
use super::ticket::{self, Shown};
use super::waiting_page;
use super::{arrive, lost_number};
use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::body::Sent;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::batch::BatchError;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::{Snapshot, Verdict};
use fairgate_core::room::{ClaimOutcome, Refusal};
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
}

#[derive(Serialize)]
struct Admitted<'a> {
    pass: &'a str,
    expires_at_ms: u64,
    hard_end_at_ms: u64,
    place: u64,
    admitted_at_ms: u64,
    session: String,
}

#[derive(Serialize)]
struct NotYet {
    place: Option<u64>,
    serving: u64,
    retry_after_ms: u64,
    reason: &'static str,
}

pub(crate) async fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let sent = Sent::<Claim>::read(request)?;
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let (outcome, judged_cookie) = match ticket::shown(edge, room, &snapshot, request) {
        Ok(Shown { ticket, in_cookie }) => {
            lost_number::check(edge, room, &snapshot, &ticket).await?;
            let claimed = match arrive::counting(edge, room, &snapshot, ticket).await {
                Ok(ticket) => {
                    let shown = shown_bytes(&sent, &ticket)?;
                    claim(edge, room, &snapshot, (&ticket, shown), &sent, request).await
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
    (ticket, shown): (&Ticket, Option<[u8; 16]>),
    sent: &Sent<Claim>,
    request: &FanRequest<'_>,
) -> Result<Answer, Problem> {
    let vouchers = if let Sent::Json(Claim { vouchers, .. }) = sent { &vouchers[..] } else { &[] };
    let owes_nothing = || owed::check(edge, room, snapshot, ticket, request, vouchers);
    let (place, outcome) = match ticket.of_tier {
        None => match snapshot.claim(ticket, shown) {
            Verdict::Ask(claimant) => {
                owes_nothing()?;
                (claimant.place, room.claims.ask(claimant).await)
            }
            verdict => return unasked(room, snapshot, verdict),
        },
        Some(_) => match snapshot.claim_in_tier(ticket, shown) {
            Verdict::Ask(claimant) => {
                owes_nothing()?;
                (claimant.place, room.tiers.claims.ask(claimant).await)
            }
            verdict => return unasked(room, snapshot, verdict),
        },
    };
    match outcome {
        Ok(ClaimOutcome::Admitted { admitted_at_ms, expires_at_ms, hard_end_at_ms }) => {
            let issued_at_ms = edge.now_ms();
            let pass = Pass::new(room.name(), ticket.draw, place, issued_at_ms, expires_at_ms, hard_end_at_ms);
            Ok(admitted(edge, room, &pass, admitted_at_ms, request.secure))
        }
        Ok(ClaimOutcome::NotCalled) => Ok(not_called(room, snapshot, Some(place))),
        Ok(ClaimOutcome::Wait { retry_after_ms }) => Ok(held(snapshot, place, retry_after_ms)),
        Ok(ClaimOutcome::Expired) => Err(Problem::Expired),
        Ok(ClaimOutcome::Unknown) => Err(lost_number::unknown_place(edge, room, place).await),
        Err(BatchError::Refused(Refusal::Ended)) => Err(Problem::Ended),
        Err(BatchError::Refused(_) | BatchError::Unavailable) => Err(edge.store_unavailable()),
        Err(BatchError::Full) => Err(Problem::Busy { retry_after_ms: edge.retry_after_ms() }),
    }
}

/// What a fan is told whom the store need not judge.
fn unasked<C>(room: &LiveRoom, snapshot: &Snapshot, verdict: Verdict<C>) -> Result<Answer, Problem> {
    match verdict {
        Verdict::NotCalled { place } => Ok(not_called(room, snapshot, place)),
        Verdict::Ask(_) | Verdict::OtherDraw => Err(Problem::OtherDraw),
    }
}

fn admitted(edge: &Edge, room: &LiveRoom, pass: &Pass, admitted_at_ms: u64, secure: bool) -> Answer {
    let token = edge.keys.now().sign_pass(pass);
    edge.passes.remember(&token, pass.clone());
    let kept_s = pass.expires_at_ms.saturating_sub(pass.issued_at_ms) / 1000;
    let body = Admitted {
        pass: &token,
        expires_at_ms: pass.expires_at_ms,
        hard_end_at_ms: pass.hard_end_at_ms,
        place: pass.place,
        admitted_at_ms,
        session: pass.session.to_string(),
    };
    Answer::json(StatusCode::OK, &body).set_cookie(&room.cookies(secure).pass.set(&token, kept_s))
}

fn not_called(room: &LiveRoom, snapshot: &Snapshot, place: Option<u64>) -> Answer {
    let view = &snapshot.view;
    let poll = &room.config.poll;
    let ahead = place.map_or(0, |place| place.saturating_sub(view.serving));
    let expected_wait_ms = room.advance(view).wait_ms(ahead).unwrap_or(poll.ceiling_ms);
    let retry_after_ms = (expected_wait_ms / u64::from(poll.divisor.max(1))).clamp(poll.floor_ms, poll.ceiling_ms);
    not_yet(NotYet { place, serving: view.serving, retry_after_ms, reason: "not_called" })
}

fn held(snapshot: &Snapshot, place: u64, retry_after_ms: u64) -> Answer {
    let view = &snapshot.view;
    let reason = match (view.is_sold_out(), view.paused) {
        (true, _) => "sold_out",
        (false, true) => "paused",
        (false, false) => "cap",
    };
    not_yet(NotYet { place: Some(place), serving: view.serving, retry_after_ms, reason })
}

fn not_yet(body: NotYet) -> Answer {
    let retry_after_ms = body.retry_after_ms;
    let mut answer = Answer::json(StatusCode::ACCEPTED, &body).retry_after_ms(retry_after_ms);
    answer.headers.push((http::header::VARY, HeaderValue::from_static("Cookie, Authorization")));
    answer
}
