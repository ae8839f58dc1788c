//! The waiting page, at the very URL that was asked for; programs without a pass are told when to come back.

use std::time::Instant;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY, REFRESH, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, StatusCode};
use pingora::http::RequestHeader;

use super::coming::opens_at_venue;
use super::join;
use super::newcomer::{Entered, Newcomer};
use crate::edge::context::Edge;
use crate::edge::entry::desk::Desk;
use crate::edge::http::answer::Answer;
use crate::edge::http::client::Client;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::overload::rate_limit::{Counted, Tally};
use crate::edge::room::admitted::Admitted;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;
use crate::page::{Document, NoScript, PageScript, ScriptDocument, State, WorkerScript};
use fairgate_core::fields::first;
use fairgate_core::request::crawler::is_crawler;
use fairgate_core::request::entry_script::EntryScript;
use fairgate_core::request::origin::way_back;
use fairgate_core::request::tell_script::TellScript;
use fairgate_core::room::{Phase, View};
use fairgate_token::Terms;

/// When a crawler is to come again.
const CRAWLERS_RETRY_MS: u64 = 3_600_000;

/// The waiting page, at the canonical `target` that was asked for; `secure` is whether the visitor came by TLS.
pub(crate) fn page(edge: &Edge, room: &LiveRoom, headers: &HeaderMap, target: &str, secure: bool) -> Answer {
    let is_crawler = is_crawler(headers);
    if let Some(page) = room.public_page.as_ref().filter(|_| is_crawler) {
        return public_page(page.clone());
    }
    let snapshot = room.snapshot();
    let state = state(edge, room, snapshot.as_deref(), headers, secure);
    let message = snapshot.as_ref().and_then(|snapshot| snapshot.view.message.as_deref());
    let opens = snapshot.as_ref().filter(|_| matches!(state, State::NotOpen | State::Between));
    let opens = opens.and_then(|snapshot| opens_at_venue(room, &snapshot.view));
    let visitor = NoScript { state, return_to: way_back(target), message, opens: opens.as_deref() };
    let page = waiting_page(room, headers, &visitor);
    if !is_crawler {
        return page;
    }
    // With 200 the shop's own page at this address would leave the index.
    Answer { status: StatusCode::SERVICE_UNAVAILABLE, ..page }.retry_after_ms(CRAWLERS_RETRY_MS)
}

/// The organizer's page for search engines.
fn public_page(page: Bytes) -> Answer {
    Answer::empty(StatusCode::OK)
        .header(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
        .header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .header(VARY, HeaderValue::from_static("Accept, User-Agent, Cookie"))
        .body(page)
}

/// The waiting page for a fan without scripts who asked to come in too late.
pub(crate) fn expired(room: &LiveRoom, headers: &HeaderMap, return_to: &str) -> Answer {
    let visitor = NoScript { state: State::Expired, return_to, message: None, opens: None };
    let page = waiting_page(room, headers, &visitor);
    // The page looks again by itself, and this address answers forms only.
    page.text(REFRESH, &format!("20; url={return_to}"))
}

fn waiting_page(room: &LiveRoom, headers: &HeaderMap, visitor: &NoScript<'_>) -> Answer {
    let document = room.page.document(accept(headers, &ACCEPT_LANGUAGE), accept(headers, &ACCEPT_ENCODING), visitor);
    let status = StatusCode::from_u16(room.config.page.html_status).unwrap_or(StatusCode::OK);
    html(status, document)
        .header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .header(VARY, HeaderValue::from_static("Accept, Accept-Encoding, Accept-Language, Cookie"))
}

/// The page on which anyone checks the draw: the same for everybody.
pub(crate) fn check(room: &LiveRoom, request: &FanRequest<'_>) -> Answer {
    let headers = request.headers;
    let document = room.check.document(accept(headers, &ACCEPT_LANGUAGE), accept(headers, &ACCEPT_ENCODING));
    html(StatusCode::OK, document)
        .header(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"))
        .header(VARY, HeaderValue::from_static("Accept-Encoding, Accept-Language"))
}

/// The page on which a device takes the place of another one: the same for everybody.
///
/// # Errors
/// No place of the room moves.
pub(super) fn move_page(room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let headers = request.headers;
    let page = room.move_page.as_ref().ok_or(EntryProblem::NotAsked)?;
    let document = page.document(accept(headers, &ACCEPT_LANGUAGE), accept(headers, &ACCEPT_ENCODING));
    Ok(html(StatusCode::OK, document)
        .header(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"))
        .header(VARY, HeaderValue::from_static("Accept-Encoding, Accept-Language")))
}

/// A script that the pages run in a worker: the same for everybody with the same language.
pub(super) fn worker(script: WorkerScript, request: &FanRequest<'_>) -> Answer {
    worker_answer(script, request.headers)
}

/// A script by which fans show who they are: the same for every room.
pub(crate) fn entry_script(script: EntryScript, headers: &HeaderMap) -> Answer {
    let script = match script {
        EntryScript::Birthday => return worker_answer(WorkerScript::Birthday, headers),
        EntryScript::Language(tag) => PageScript::in_language(tag.as_bytes()),
        EntryScript::Forms => PageScript::Forms,
        EntryScript::Key => PageScript::Key,
        EntryScript::Move => PageScript::Move,
    };
    script_answer(script.document(accept(headers, &ACCEPT_ENCODING)))
}

/// A script that tells fans of their turn: the same for every room.
pub(crate) fn tell_script(script: TellScript, headers: &HeaderMap) -> Answer {
    match script {
        TellScript::Worker => worker_answer(WorkerScript::Tell, headers),
        TellScript::Language(tag) => {
            script_answer(PageScript::telling(tag.as_bytes()).document(accept(headers, &ACCEPT_ENCODING)))
        }
    }
}

/// The script that keeps a bound pass alive in the shop's pages.
pub(super) fn keep_script(request: &FanRequest<'_>) -> Answer {
    script_answer(PageScript::Keep.document(accept(request.headers, &ACCEPT_ENCODING)))
}

fn worker_answer(script: WorkerScript, headers: &HeaderMap) -> Answer {
    script_answer(script.document(accept(headers, &ACCEPT_LANGUAGE), accept(headers, &ACCEPT_ENCODING)))
        .header(CONTENT_SECURITY_POLICY, HeaderValue::from_static(WorkerScript::CSP))
}

fn script_answer(script: ScriptDocument) -> Answer {
    let answer = Answer::empty(StatusCode::OK)
        .header(CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"))
        .header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        .header(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"))
        .header(VARY, HeaderValue::from_static("Accept-Encoding, Accept-Language"))
        .shared_body(script.shared, script.body);
    encoded(answer, script.content_encoding)
}

fn accept<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h [u8] {
    first(headers, name).unwrap_or_default()
}

fn html(status: StatusCode, document: Document) -> Answer {
    let answer = Answer::empty(status)
        .header(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
        .header(CONTENT_LANGUAGE, HeaderValue::from_static(document.content_language))
        .header(CONTENT_SECURITY_POLICY, document.csp)
        .header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        .header(REFERRER_POLICY, HeaderValue::from_static("same-origin"))
        .shared_body(document.shared, document.body);
    encoded(answer, document.content_encoding)
}

fn encoded(answer: Answer, encoding: Option<&'static str>) -> Answer {
    match encoding {
        Some(encoding) => answer.header(CONTENT_ENCODING, HeaderValue::from_static(encoding)),
        None => answer,
    }
}

/// The state of a visitor, as far as it is known without asking the store.
fn state(edge: &Edge, room: &LiveRoom, snapshot: Option<&Snapshot>, headers: &HeaderMap, secure: bool) -> State {
    let Some(snapshot) = snapshot else { return State::Unavailable };
    let view = &snapshot.view;
    let ticket = room
        .cookies(secure)
        .ticket
        .find(headers)
        .and_then(|token| edge.keys.now().verify_ticket(token, room.name()).ok())
        .filter(|ticket| ticket.draw == view.draw.descriptor_digest);
    match (view.phase, ticket) {
        (Phase::Ended, _) if room.next.load().is_some() => State::Between,
        (Phase::Ended, _) => State::Ended,
        (Phase::Idle, _) => State::NotOpen,
        (phase, None) => State::Join { before_draw: phase == Phase::Pooling },
        (_, Some(_)) if view.is_sold_out() => State::SoldOut,
        (_, Some(ticket)) => match snapshot.place_of(&ticket) {
            None => State::Pooled,
            Some(place) if place < view.serving => State::Called,
            Some(place) => line_state(place, view),
        },
    }
}

fn line_state(place: u64, view: &View) -> State {
    let ahead = place - view.serving;
    match (view.paused, view.draining) {
        (true, _) => State::Paused { place, ahead },
        (false, true) => State::Draining { place, ahead },
        (false, false) => State::Waiting { place, ahead },
    }
}

/// The answer to programs, and to everything that is not reading.
///
/// # Errors
/// The problem that says where to join and when to come back.
pub(crate) async fn come_back(
    edge: &Edge,
    room: &LiveRoom,
    request: &RequestHeader,
    client: Client,
) -> Result<Answer, Problem> {
    let problem = waiting_room(edge, room, &request.method);
    let Client { address, secure } = client;
    let has_ticket = room.cookies(secure).ticket.find(&request.headers).is_some();
    let asks = room.entry.as_ref().is_some_and(Desk::asks_at_join);
    if !room.config.join_on_get || request.method != Method::GET || has_ticket || asks {
        return Err(problem);
    }
    if let Err(over) = edge.quotas.network(Tally::Count, Counted::Join, address, Instant::now()) {
        return Err(edge.too_many(over));
    }
    // For clients that can only GET: the cookie is their ticket, and what they were going to be told stays true.
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let (nonce, admitted, terms) = (join::random_nonce()?, Admitted::default(), Terms::default());
    let newcomer = Newcomer { nonce, address, admitted, terms };
    let Entered { ticket, .. } = join::enter(edge, room, &snapshot, newcomer).await?;
    let token = edge.keys.now().sign_ticket(&ticket);
    let cookie = join::cookie(edge, room, &snapshot, &token, secure);
    Ok(problem.answer().set_cookie(&cookie))
}

fn waiting_room(edge: &Edge, room: &LiveRoom, method: &Method) -> Problem {
    let reads = method == Method::GET || method == Method::HEAD;
    let configured = if reads { room.config.page.api_status } else { 503 };
    let base = format!("{}/{}", edge.prefix, room.name());
    Problem::WaitingRoom {
        status: StatusCode::from_u16(configured).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
        retry_after_ms: room.config.poll.floor_ms,
        status_url: format!("{base}/status"),
        join_url: format!("{base}/join"),
    }
}
