//! `POST join`: one entry into the pool or the line, and the signed ticket for it.
//!
//! Guarantees: joining is idempotent. A fan who shows a ticket of this draw gets the same answer and no second entry.
//! So does a retry with the same nonce, while the store remembers it. No answer is sent before the entry is durable.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::entry::admission::{self, BoundTo};
use super::entry::wait;
use super::newcomer::{Entered, Newcomer, problem};
use super::ticket::{self, Shown};
use super::{arrive, lost_number};
use crate::edge::context::Edge;
use crate::edge::entry::desk::Came;
use crate::edge::entry::shown::Shown as ShownWays;
use crate::edge::http::answer::Answer;
use crate::edge::http::body::Sent;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::admitted::Admitted;
use crate::edge::room::batch::BatchError;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;
use fairgate_core::room::Position;
use fairgate_store::{self, Joiner};
use fairgate_telemetry::entropy;
use fairgate_token::{OfTier, Terms, Ticket};

/// The time for which a ticket's cookie is kept where the sale has no end, and beyond its end otherwise.
const TICKET_KEPT_S: u64 = 7 * 24 * 3600;

#[derive(Debug, Deserialize)]
struct Join {
    /// 16 bytes, base64url.
    nonce: String,
    /// What the room asks of those who enter.
    #[serde(default)]
    show: ShownWays,
    /// The thumbprint of the browser's key, where the room binds tickets to one.
    #[serde(default)]
    jkt: Option<String>,
    /// The hash of the keepsake.
    #[serde(default)]
    keepsake: Option<String>,
    /// What was shown before, for pages of other origins, which have no cookie here.
    #[serde(default)]
    vouchers: Vec<String>,
}

#[derive(Serialize)]
struct Joined<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<u64>,
    entry: String,
    ticket: &'a str,
    /// In a room with tiers: the entry's.
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    /// In a room with tiers: true if the entry was there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<bool>,
    /// Ways that the claim will ask for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    owes: Vec<&'a str>,
    /// Where a device goes on that has got a place from another.
    #[serde(skip_serializing_if = "Option::is_none")]
    return_to: Option<&'a str>,
}

pub(crate) async fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let sent = Sent::<Join>::read(request)?;
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let entered = match ticket::shown(edge, room, &snapshot, request) {
        Ok(Shown { ticket, .. }) => {
            lost_number::check(edge, room, &snapshot, &ticket).await?;
            Entered { ticket: arrive::counting(edge, room, &snapshot, ticket).await?, again: true }
        }
        // It may be good: another place would be at the tail.
        Err(problem @ Problem::NewKey { .. }) => return Err(problem),
        Err(_) => {
            let nonce = nonce(&sent, room, request)?;
            let (admitted, terms, came) = show(edge, room, &snapshot, request, &sent, &nonce)?;
            let newcomer = Newcomer { nonce, address: request.address, admitted, terms };
            let entered = enter(edge, room, &snapshot, newcomer).await;
            let entered =
                entered.map_err(|problem| admission::told(edge, room, &snapshot, request, &nonce, problem))?;
            admission::entered(edge, room, &snapshot, request, &came, (&entered, &nonce));
            entered
        }
    };
    let token = edge.keys.now().sign_ticket(&entered.ticket);
    let cookie = cookie(edge, room, &snapshot, &token, request.secure);
    Ok(sent.reply(joined(&entered, &token, None).set_cookie(&cookie)))
}

/// The cookie that keeps a ticket for as long as it may be of use.
pub(crate) fn cookie(edge: &Edge, room: &LiveRoom, snapshot: &Snapshot, token: &str, secure: bool) -> String {
    let max_age_s = kept_s(edge.now_ms(), snapshot.view.ends_at_ms);
    room.cookies(secure).ticket.set(token, max_age_s)
}

/// Enters, and gives the ticket for the position.
pub(crate) async fn enter(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    newcomer: Newcomer,
) -> Result<Entered, Problem> {
    check_open(edge, snapshot)?;
    let now_ms = edge.now_ms();
    if let Some(rules) = snapshot.rules() {
        return arrive::enter(edge, room, snapshot, rules, newcomer).await;
    }
    let draw = snapshot.view.draw.descriptor_digest;
    let entry = snapshot.entry(&newcomer.nonce);
    let networks = edge.quotas.busy_joiners(newcomer.address, Instant::now());
    let position = match room.joins.ask(Joiner { entry, networks }).await.map_err(|error| problem(edge, error))? {
        fairgate_store::Joined::At(position) => position,
        fairgate_store::Joined::Over { retry_after_ms } => {
            return Err(edge.too_many(edge.quotas.over_joins(retry_after_ms)));
        }
    };
    let (room, terms) = (room.name().to_owned(), newcomer.terms);
    let ticket = Ticket { room, draw, position, entry, issued_at_ms: now_ms, of_tier: None, terms };
    Ok(Entered { ticket, again: false })
}

/// Shows what the room asks, where it asks anything; answers what the room has to know, and what the claim will ask for.
/// Whoever cannot join now is told that first.
fn show(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    request: &FanRequest<'_>,
    sent: &Sent<Join>,
    nonce: &[u8; 16],
) -> Result<(Admitted, Terms, Came), Problem> {
    check_open(edge, snapshot)?;
    let admitted = match sent {
        Sent::Json(Join { show, vouchers, jkt, keepsake, .. }) => {
            let key = BoundTo { jkt: jkt.as_deref(), keepsake: keepsake.as_deref() };
            admission::admit(edge, room, snapshot, request, (nonce, show, vouchers, key))?
        }
        Sent::Form { .. } => {
            let mut shown = ShownWays::of_form(&request.body);
            shown.wait = shown.wait.or_else(|| wait::kept(room, request).map(|(_, note)| note.to_owned()));
            admission::admit(edge, room, snapshot, request, (nonce, &shown, &[], BoundTo::default()))?
        }
    };
    Ok(admitted.unwrap_or_default())
}

fn check_open(edge: &Edge, snapshot: &Snapshot) -> Result<(), Problem> {
    let refusal = snapshot.refuses_joins(edge.now_ms());
    refusal.map_or(Ok(()), |refusal| Err(problem(edge, BatchError::Refused(refusal))))
}

/// A form brings its own only where it has to be the same twice.
fn nonce(sent: &Sent<Join>, room: &LiveRoom, request: &FanRequest<'_>) -> Result<[u8; 16], Problem> {
    match sent {
        Sent::Form { .. } => {
            let mut fields = form_urlencoded::parse(&request.body);
            match (fields.find(|(name, _)| name == "nonce"), wait::kept(room, request)) {
                (Some((_, nonce)), _) => decode_nonce(&nonce),
                (None, Some((nonce, _))) => decode_nonce(nonce),
                (None, None) => random_nonce(),
            }
        }
        Sent::Json(Join { nonce, .. }) => decode_nonce(nonce),
    }
}

/// A fan's random bytes, as JSON has them.
pub(super) fn decode_nonce(text: &str) -> Result<[u8; 16], Problem> {
    let mut nonce = [0; 16];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut nonce) {
        Ok(16) => Ok(nonce),
        _ => Err(Problem::BadBody("nonce must be 16 random bytes in base64url without padding".to_owned())),
    }
}

/// For clients that bring none.
pub(super) fn random_nonce() -> Result<[u8; 16], Problem> {
    entropy::random_bytes().map_err(|_| Problem::Internal)
}

/// What whoever has entered is told, and whoever has got the place of another device.
pub(super) fn joined(Entered { ticket, again }: &Entered, token: &str, return_to: Option<&str>) -> Answer {
    let (kind, index, place) = match ticket.position {
        Position::Pool(index) => ("pool", Some(index), None),
        Position::Line(place) => ("line", None, Some(place)),
    };
    let (entry, of_tier) = (hex::encode(ticket.entry), ticket.of_tier);
    let (tier, tag) = of_tier.map(|OfTier { tier, tag }| (tier, hex::encode(tag))).unzip();
    let again = of_tier.map(|_| *again);
    let owes = ticket.terms.owes.iter().chain(&ticket.terms.later).map(String::as_str).collect();
    let joined = Joined { kind, index, place, entry, ticket: token, tier, tag, again, owes, return_to };
    Answer::json(StatusCode::OK, &joined)
}

fn kept_s(now_ms: u64, ends_at_ms: Option<u64>) -> u64 {
    ends_at_ms.map_or(0, |ends_at_ms| ends_at_ms.saturating_sub(now_ms) / 1000) + TICKET_KEPT_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_sixteen_bytes() {
        assert_eq!(decode_nonce("AAECAwQFBgcICQoLDA0ODw").unwrap(), std::array::from_fn(|index| index as u8));
        for wrong in ["", "AAECAwQFBgcICQoLDA0O", "AAECAwQFBgcICQoLDA0ODxA", "AAECAwQFBgcICQoLDA0ODw==", "+/"] {
            assert!(decode_nonce(wrong).is_err(), "{wrong}");
        }
    }
}
