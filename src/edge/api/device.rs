//! `POST dbsc` and `POST dbsc/refresh`: a browser that can binds its device to a session, and keeps the pass alive by itself
//! (Device Bound Session Credentials, W3C draft of February 2026).
//!
//! Guarantees:
//! - a device is bound only by the browser that the answer to a proved call has invited
//! - a copied cookie ends within `prove`, also where a device keeps the session alive, and whatever the cookie says
//! - an edge keeps nothing of a device: the session's name says all of it
//! - a browser that cannot do this ignores the invitation, and proves by the page

use fairgate_entry::binding::{DeviceError, DeviceSession, DeviceSessions, ProofError, SessionOf, Thumbprint};
use fairgate_token::{Bound, Pass};
use http::StatusCode;
use http::header::HeaderName;
use serde::Serialize;
use serde_json::json;

use super::bound_pass::{extend, shown};
use super::entry::proof::binding_desk;
use crate::edge::context::Edge;
use crate::edge::entry::desk::Desk;
use crate::edge::http::answer::Answer;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;
use crate::observe::ProofOutcome;

const REGISTRATION: HeaderName = HeaderName::from_static("secure-session-registration");
const CHALLENGE: HeaderName = HeaderName::from_static("secure-session-challenge");
const RESPONSE: HeaderName = HeaderName::from_static("secure-session-response");
const SESSION_ID: HeaderName = HeaderName::from_static("sec-secure-session-id");
/// A longer name of a session is none of ours.
const NAME_BYTES_MAX: usize = 256;

/// What the browser is to do from now on.
#[derive(Serialize)]
struct Instructions<'s> {
    session_identifier: &'s str,
    refresh_url: String,
    scope: Scope<'s>,
    credentials: [Credential<'s>; 1],
}

#[derive(Serialize)]
struct Scope<'s> {
    origin: &'s str,
    include_site: bool,
    scope_specification: [(); 0],
}

#[derive(Serialize)]
struct Credential<'s> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'s str,
    attributes: &'static str,
}

/// Invites the browser that has just proved the ticket's key to bind its device to the pass. Only over TLS: browsers refuse
/// anything else.
pub(super) fn invite(edge: &Edge, room: &LiveRoom, pass: &Pass, secure: bool, answer: Answer) -> Answer {
    let (Some(desk), Some(bound), true) = (binding_desk(room), pass.bound.as_deref(), secure) else { return answer };
    let Some(of) = of(pass, bound).filter(|_| !bound.is_device) else { return answer };
    let invitation = desk.device_sessions(&pass.draw).invitation(&of, edge.now_ms());
    let path = format!("{}/{}/dbsc", edge.prefix, room.name());
    answer.text(REGISTRATION, &format!(r#"(ES256);path="{path}";challenge="{invitation}""#))
}

/// `POST dbsc`.
pub(crate) async fn register(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let desk = desk(room, request)?;
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let Some(shown) = shown(edge, room, &snapshot, request)? else { return Err(Problem::Expired) };
    let (pass, bound) = (shown.pass, shown.bound);
    let of = of(&pass, &bound).ok_or(Problem::Internal)?;
    let sessions = desk.device_sessions(&pass.draw);
    let response = field(request, &RESPONSE).unwrap_or_default();
    let session = sessions.register(response, of, edge.now_ms());
    judged(desk, "dbsc", session.as_ref().map(|_| ()).map_err(|error| *error));
    let session = session.map_err(wrong)?;
    let until_ms = (pass.expires_at_ms, edge.now_ms() + room.config.session.prove_ms);
    Ok(instructions(edge, room, request, &sessions, &session, until_ms))
}

/// `POST dbsc/refresh`.
pub(crate) async fn refresh(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let desk = desk(room, request)?;
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let name = field(request, &SESSION_ID).filter(|name| is_name(name));
    let name = name.ok_or_else(|| Problem::BadBody("Sec-Secure-Session-Id names no session".to_owned()))?;
    let sessions = desk.device_sessions(&snapshot.view.draw.descriptor_digest);
    let session = sessions.read(name).filter(|session| goes_on(edge, &snapshot, session));
    let Some(session) = session else { return Ok(over(room, request, name)) };
    let challenge = |answer: Answer| challenged(answer, &sessions, name, edge.now_ms());
    let Some(response) = field(request, &RESPONSE) else { return Ok(challenge(Answer::empty(StatusCode::FORBIDDEN))) };
    let checked = sessions.check(response, &session, edge.now_ms());
    judged(desk, "dbsc-refresh", checked);
    match checked {
        Ok(()) => {}
        Err(DeviceError::Challenge) => return Ok(challenge(Answer::empty(StatusCode::FORBIDDEN))),
        Err(error) => return Err(wrong(error)),
    }
    let prove_by_ms = edge.now_ms() + room.config.session.prove_ms;
    Ok(match extend(edge, room, session.of.place, &bound(&session, prove_by_ms)).await? {
        Some(expires_at_ms) => instructions(edge, room, request, &sessions, &session, (expires_at_ms, prove_by_ms)),
        None => over(room, request, name),
    })
}

fn desk<'r>(room: &'r LiveRoom, request: &FanRequest<'_>) -> Result<&'r Desk, Problem> {
    binding_desk(room).filter(|_| request.secure).ok_or_else(|| EntryProblem::NotAsked.into())
}

/// Whose session a pass is of.
fn of(pass: &Pass, bound: &Bound) -> Option<SessionOf> {
    let owner = Thumbprint::read(&bound.key)?;
    Some(SessionOf { owner, position: bound.position, place: pass.place, hard_end_at_ms: pass.hard_end_at_ms })
}

/// What the passes of a session are bound to.
fn bound(session: &DeviceSession, prove_by_ms: u64) -> Bound {
    let SessionOf { owner, position, .. } = session.of;
    Bound { key: owner.to_base64url(), position, prove_by_ms, is_device: true }
}

fn goes_on(edge: &Edge, snapshot: &Snapshot, session: &DeviceSession) -> bool {
    !snapshot.view.closed.contains_key(&session.of.place) && edge.now_ms() < session.of.hard_end_at_ms
}

/// Gives the next pass, and says how the browser keeps it alive. `until_ms`: when the session ends if it is not used, and when
/// the next proof is due.
fn instructions(
    edge: &Edge,
    room: &LiveRoom,
    request: &FanRequest<'_>,
    sessions: &DeviceSessions,
    session: &DeviceSession,
    (expires_at_ms, prove_by_ms): (u64, u64),
) -> Answer {
    let (now_ms, cookie) = (edge.now_ms(), &room.cookies(request.secure).pass);
    let SessionOf { place, hard_end_at_ms, .. } = session.of;
    let draw = sessions.draw();
    let pass = Pass::new(room.name(), *draw, place, now_ms, expires_at_ms, hard_end_at_ms);
    let pass = pass.bound_to(bound(session, prove_by_ms.min(hard_end_at_ms)));
    let token = edge.keys.now().sign_pass(&pass);
    edge.passes.remember(&token, pass.clone());
    let (name, address) = (sessions.name(session), request.address_of_call());
    let told = Instructions {
        session_identifier: &name,
        refresh_url: format!("{}/{}/dbsc/refresh", edge.prefix, room.name()),
        scope: Scope { origin: origin(&address), include_site: false, scope_specification: [] },
        credentials: [Credential {
            kind: "cookie",
            name: cookie.name(),
            attributes: "Path=/; Secure; HttpOnly; SameSite=Lax",
        }],
    };
    let answer = Answer::json(StatusCode::OK, &told).set_cookie(&cookie.set(&token, pass.kept_s(now_ms)));
    challenged(answer, sessions, &name, now_ms)
}

/// The session is over: the browser stops to keep it alive.
fn over(room: &LiveRoom, request: &FanRequest<'_>, name: &str) -> Answer {
    let told = json!({ "session_identifier": name, "continue": false });
    Answer::json(StatusCode::OK, &told).set_cookie(&room.cookies(request.secure).pass.clear())
}

/// The answer with what the device signs next.
fn challenged(answer: Answer, sessions: &DeviceSessions, name: &str, now_ms: u64) -> Answer {
    answer.text(CHALLENGE, &format!(r#""{}";id="{name}""#, sessions.challenge(now_ms)))
}

fn judged(desk: &Desk, call: &str, result: Result<(), DeviceError>) {
    let outcome = match result {
        Ok(()) => ProofOutcome::Good,
        Err(DeviceError::Challenge) => ProofOutcome::Late,
        Err(_) => ProofOutcome::Wrong,
    };
    desk.metrics.observe_proof(call, outcome);
}

fn wrong(error: DeviceError) -> Problem {
    EntryProblem::ProofWrong(ProofError::Device(error)).into()
}

/// A field's text. The draft quotes it, and browsers of before it do not.
fn field<'r>(request: &'r FanRequest<'_>, name: &HeaderName) -> Option<&'r str> {
    let text = std::str::from_utf8(request.header(name)?).ok()?.trim();
    Some(text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text))
}

fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(is_plain)
}

/// Scheme and authority of an address.
fn origin(address: &str) -> &str {
    let path = address.find("://").and_then(|at| address[at + 3..].find('/').map(|slash| at + 3 + slash));
    path.map_or(address, |path| &address[..path])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_stands_before_the_path() {
        assert_eq!(origin("https://tickets.example:8443/.fairgate/final/dbsc"), "https://tickets.example:8443");
        assert_eq!(origin("https://tickets.example"), "https://tickets.example");
    }

    #[test]
    fn a_name_is_plain() {
        assert!(is_name("Ab-_9") && !is_name("") && !is_name("a b") && !is_name("a\"b") && !is_name(&"a".repeat(257)));
    }
}
