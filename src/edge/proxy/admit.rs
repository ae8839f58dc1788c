//! The decision on a request: the gate answers it itself, or lets it through to the shop.
//!
//! Guarantees: what is cheap is asked first. A request counts once for a limit. Nobody without a pass gets to a
//! protected page.

use std::sync::Arc;
use std::time::Instant;

use http::Method;
use pingora::proxy::Session;

use super::acquire::acquire;
use super::arrival::Arrival;
use super::holder::{holder, is_ahead, known_inside};
use super::kept_form;
use super::prove;
use super::request_body;
use super::respond::{problem_answer, respond, respond_list};
use super::revive;
use super::several::{self, Verdict};
use super::timeouts;
use super::visit::{Outcome, Stage, Visit};
use crate::edge::api::dispatch::{self, Reply};
use crate::edge::api::ended;
use crate::edge::api::waiting_page;
use crate::edge::context::Edge;
use crate::edge::credentials::holder::Holder;
use crate::edge::draw::public_lists::Reader;
use crate::edge::draw::record;
use crate::edge::draw_log::serve;
use crate::edge::http::answer::Answer;
use crate::edge::http::cors;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::oversized;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::http::upgrade::asks_for_tunnel;
use crate::edge::overload::rate_limit::{Counted, Over, Tally};
use crate::edge::room::handle::LiveRoom;
use crate::observe::{RequestKind, Shed};
use fairgate_core::request::decide::{Ask, Decision, decide, wants_page};
use fairgate_core::request::fan_call::FanCall;
use fairgate_core::request::route::Route;

/// Decides on a request; `true` where the gate has answered it itself.
pub(super) async fn arrive(edge: &Arc<Edge>, session: &mut Session, visit: &mut Visit) -> pingora::Result<bool> {
    timeouts::apply(edge, session);
    visit.asks_for_tunnel = asks_for_tunnel(session.req_header_mut());
    let (kind, mut answer) = match admit(edge, session, visit).await? {
        Outcome::Forward => return Ok(false),
        Outcome::Answer(kind, answer) => (kind, answer),
        Outcome::Problem(kind, problem) => (kind, problem_answer(edge, session, &problem)),
        Outcome::Kept(kind, answer) => {
            if !session.as_mut().is_body_done() {
                session.set_keepalive(None);
            }
            (kind, answer)
        }
        Outcome::List(room, mut answer, reader) => {
            visit.dress(edge, &mut answer.head);
            visit.stage = Stage::Answered { kind: RequestKind::Draw };
            return respond_list(edge, session, &room, answer, &reader).await.map(|()| true);
        }
    };
    visit.stage = Stage::Answered { kind };
    visit.dress(edge, &mut answer);
    respond(edge, session, &answer).await?;
    Ok(true)
}

async fn admit(edge: &Arc<Edge>, session: &mut Session, visit: &mut Visit) -> pingora::Result<Outcome> {
    let headers = &session.req_header().headers;
    if oversized::is_overlong(headers) {
        return Ok(Outcome::refused(oversized::problem(headers)));
    }
    let arrival = match Arrival::read(edge, session) {
        Ok(arrival) => arrival,
        Err(problem) => return Ok(Outcome::refused(problem)),
    };
    visit.secure = arrival.client.secure;
    if let Route::Fan { room, .. } | Route::Protected { room } = arrival.route {
        visit.origin = cors::named_origin(&arrival.room(room).config.allowed_origins, &session.req_header().headers);
    }
    let headers = &session.req_header().headers;
    let known = known_inside(edge, Tally::Count, headers, &arrival);
    if known.is_none()
        && let Err(over) = within_quota(edge, Tally::Count, &arrival, visit.begun)
    {
        let problem = edge.too_many(over);
        return Ok(match arrival.route {
            Route::Protected { room } | Route::Open { room } => {
                kept_form::keep(edge, session, arrival.room(room), &arrival, RequestKind::Refused, problem).await
            }
            _ => Outcome::refused(problem),
        });
    }
    if known.is_none() {
        match edge.strangers.take(arrival.client.address, 1) {
            Ok(place) => visit.place = Some(place),
            Err(_) => {
                edge.shed(Shed::Requests);
                return Ok(Outcome::refused(Problem::Busy { retry_after_ms: edge.retry_after_ms() }));
            }
        }
    }
    visit.room = arrival.route.room().map(|room| Arc::clone(arrival.room(room)));
    let room = |room: usize| Arc::clone(arrival.room(room));
    Ok(match arrival.route {
        Route::Fan { room: index, call } => {
            fan_call(edge, session, room(index), call, &arrival, visit.origin.is_some()).await?
        }
        Route::Jwks => document(session, RequestKind::Jwks, || Ok(edge.keys.now().jwks.clone())),
        Route::RecordSchema => document(session, RequestKind::Draw, || Ok(record::schema(record::SCHEMA))),
        Route::TierRecordSchema => document(session, RequestKind::Draw, || Ok(record::schema(record::TIER_SCHEMA))),
        Route::EntryScript(script) => document(session, RequestKind::Entry, || {
            Ok(waiting_page::entry_script(script, &session.req_header().headers))
        }),
        Route::TellScript(script) => document(session, RequestKind::Page, || {
            Ok(waiting_page::tell_script(script, &session.req_header().headers))
        }),
        Route::Log(path) => document(session, RequestKind::Draw, || {
            edge.log.as_deref().ok_or(Problem::NoSuchCall).and_then(|log| serve::file(log, path))
        }),
        Route::Ended { room: index } => document(session, RequestKind::Ended, || {
            ended::answer(edge, arrival.room(index), &session.req_header().headers)
        }),
        Route::Protected { room: index } => {
            let room = room(index);
            protected(edge, session, visit, room, arrival, known).await?
        }
        Route::Open { room: index } => {
            let room = room(index);
            acquire(edge, session, visit, room, arrival, None).await?
        }
        Route::NoSuchCall => Outcome::refused(Problem::NoSuchCall),
        Route::UnknownHost => Outcome::refused(Problem::UnknownHost),
    })
}

/// Asks whether the request's network may ask so much.
pub(crate) fn within_quota(edge: &Edge, tally: Tally, arrival: &Arrival, at: Instant) -> Result<(), Over> {
    let address = arrival.client.address;
    if matches!(arrival.route, Route::Fan { call: FanCall::Status, .. }) {
        return edge.quotas.network(tally, Counted::Poll, address, at);
    }
    edge.quotas.network(tally, Counted::Network, address, at)?;
    match arrival.route {
        Route::Fan { call: FanCall::Join, .. } => edge.quotas.network(tally, Counted::Join, address, at),
        Route::Fan { call: FanCall::Claim, .. } => edge.quotas.network(tally, Counted::Claim, address, at),
        _ => Ok(()),
    }
}

async fn fan_call(
    edge: &Edge,
    session: &mut Session,
    room: Arc<LiveRoom>,
    call: FanCall,
    arrival: &Arrival,
    is_from_named_origin: bool,
) -> pingora::Result<Outcome> {
    let (body, _kept) = match request_body::read(edge, session, arrival.client.address).await? {
        Ok(body) => body,
        Err(problem) => return Ok(Outcome::refused(problem)),
    };
    let header = session.req_header();
    let request = FanRequest {
        method: &header.method,
        headers: &header.headers,
        authority: &arrival.authority,
        path: arrival.target.path(),
        query: arrival.target.query(),
        secure: arrival.client.secure,
        address: arrival.client.address,
        is_from_named_origin,
        body,
    };
    Ok(match dispatch::answer(edge, &room, call, &request).await {
        Ok(Reply::Whole(answer)) => Outcome::Answer(kind(call), answer),
        Ok(Reply::List(answer)) => match begin_list(edge, arrival) {
            Ok(reader) => Outcome::List(room, answer, reader),
            Err(problem) => Outcome::refused(problem),
        },
        Err(problem) => Outcome::Problem(kind(call), problem),
    })
}

fn begin_list(edge: &Edge, arrival: &Arrival) -> Result<Reader, Problem> {
    let address = arrival.client.address;
    edge.readers.take(address, 1).map(Reader::new).map_err(|_| {
        edge.shed(Shed::Lists);
        Problem::Busy { retry_after_ms: edge.retry_after_ms() }
    })
}

fn kind(call: FanCall) -> RequestKind {
    match call {
        FanCall::Calendar => RequestKind::Page,
        FanCall::Status => RequestKind::Status,
        FanCall::Join => RequestKind::Join,
        FanCall::Claim => RequestKind::Claim,
        FanCall::Leave => RequestKind::Leave,
        FanCall::Renew | FanCall::Device | FanCall::DeviceRefresh => RequestKind::Renew,
        FanCall::Entry(_) | FanCall::Move | FanCall::MoveAccept | FanCall::MoveConfirm => RequestKind::Entry,
        FanCall::Draw
        | FanCall::Roster
        | FanCall::Claims
        | FanCall::Counts
        | FanCall::Proof(_)
        | FanCall::TierRoster(_)
        | FanCall::TierTags(_)
        | FanCall::TierProof(..)
        | FanCall::LogProof(_)
        | FanCall::Draws
        | FanCall::Past(..)
        | FanCall::PastKeys
        | FanCall::Beacon
        | FanCall::Check
        | FanCall::RoundScript
        | FanCall::SeenScript
        | FanCall::KeepScript => RequestKind::Draw,
    }
}

/// A document that is the same for everybody.
fn document(session: &Session, kind: RequestKind, document: impl FnOnce() -> Result<Answer, Problem>) -> Outcome {
    const ALLOW: &str = "GET, HEAD, OPTIONS";
    let answer = match session.req_header().method {
        Method::GET | Method::HEAD => document(),
        Method::OPTIONS => Ok(Answer::options(ALLOW)),
        _ => Err(Problem::Method { allow: ALLOW }),
    };
    Outcome::of(kind, answer)
}

async fn protected(
    edge: &Arc<Edge>,
    session: &mut Session,
    visit: &mut Visit,
    room: Arc<LiveRoom>,
    arrival: Arrival,
    known: Option<Holder>,
) -> pingora::Result<Outcome> {
    let header = session.req_header();
    if cors::is_preflight(&header.method, &header.headers) && !cors::has_body(&header.headers) {
        return acquire(edge, session, visit, room, arrival, None).await;
    }
    let secure = arrival.client.secure;
    let holder = match known.or_else(|| holder(edge, Tally::Count, &room, &header.headers, secure)) {
        Some(holder) => Some(holder),
        None => revive::revive(edge, &room, &header.headers, secure).await,
    };
    let address = arrival.client.address;
    let verdict = holder.as_ref().map_or(Verdict::Fine, |holder| several::judge(edge, &room, &holder.pass, address));
    let holder = holder.filter(|_| verdict == Verdict::Fine);
    let ask = Ask {
        method: &header.method,
        wants_page: wants_page(&header.headers),
        upgrade: visit.asks_for_tunnel,
        has_pass: holder.is_some(),
    };
    let decision = decide(ask, room.state());
    if decision != Decision::Forward && is_ahead(edge, &room, &header.headers, secure) {
        return Ok(Outcome::Problem(RequestKind::Proxy, edge.new_key()));
    }
    let has_to_prove = || verdict == Verdict::Prove || prove::is_due(edge, &room, &header.headers, secure);
    if decision != Decision::Forward && has_to_prove() {
        if decision == Decision::WaitingPage {
            let page = prove::page(edge, &room, &header.headers, arrival.target.as_str());
            return Ok(Outcome::Answer(RequestKind::Page, page));
        }
        let problem = EntryProblem::Prove.into();
        return Ok(kept_form::keep(edge, session, &room, &arrival, RequestKind::ComeBack, problem).await);
    }
    Ok(match decision {
        Decision::Forward => return acquire(edge, session, visit, room, arrival, holder).await,
        Decision::WaitingPage => {
            let page = waiting_page::page(edge, &room, &header.headers, arrival.target.as_str(), secure);
            Outcome::Answer(RequestKind::Page, page)
        }
        Decision::ComeBack => match waiting_page::come_back(edge, &room, header, arrival.client).await {
            Ok(answer) => Outcome::Answer(RequestKind::ComeBack, answer),
            Err(problem) => kept_form::keep(edge, session, &room, &arrival, RequestKind::ComeBack, problem).await,
        },
    })
}
