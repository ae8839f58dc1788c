//! One request's way through the gate: what Pingora's phases call, in their order.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, CONTENT_LENGTH, STRICT_TRANSPORT_SECURITY, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use pingora::proxy::Session;

use super::answer::Answer;
use super::arrival::Arrival;
use super::draw;
use super::ended;
use super::fan::{self, FanRequest, Reply};
use super::leash::Leash;
use super::lists::ListAnswer;
use super::live::{LiveRoom, Snapshot};
use super::problem::Problem;
use super::quotas::{Counted, Left, Over, Tally};
use super::request_id::RequestId;
use super::respond::{has_body, read_body, respond, respond_list};
use super::session::Renewal;
use super::slots::Slot;
use super::state::{Edge, InFlight};
use super::upstream::Closed;
use super::{cors, overlong, slid, waiting};
use crate::arrive::decide::{Ask, Decision, decide, wants_page};
use crate::arrive::route::{FanCall, Route};
use crate::fields::{self, bearer};
use crate::observe::{PassCheck, RequestKind, RouteClass, Shed};
use crate::pass::{Checked, Gate, Pass, token_id};

/// The largest body that a fan's call may have.
const FAN_BODY_BYTES_MAX: u64 = 16 * 1024;

/// A body that comes more slowly than this, after the client's time, holds a slot that others need.
const BODY_BYTES_A_SECOND_MIN: u64 = 1_024;

/// One request.
pub(crate) struct Visit {
    pub(crate) begun: Instant,
    pub(crate) stage: Stage,
    /// Whether the fan came by TLS.
    secure: bool,
    /// Where the script is from that sent it, if the room lets it read the answer.
    origin: Option<HeaderValue>,
    /// The room that the request is about, if any: its index.
    pub(crate) room: Option<usize>,
    /// Once somebody has asked for it.
    id: OnceLock<RequestId>,
    /// The connection's, where the request asks for a tunnel.
    leash: Option<Leash>,
    _in_flight: InFlight,
}

/// How far a request has come.
pub(crate) enum Stage {
    /// Nothing has been decided.
    Arriving,
    /// The gate has answered it.
    Answered {
        /// What it was.
        kind: RequestKind,
    },
    /// It is with the shop.
    Inside(Box<Inside>),
}

/// A request that was let through.
pub(crate) struct Inside {
    pub(crate) room: Arc<LiveRoom>,
    pub(crate) arrival: Arrival,
    /// Who is inside; nobody in particular on exempt pages.
    pub(crate) holder: Option<Holder>,
    pub(crate) class: RouteClass,
    /// When it went to the shop.
    pub(crate) sent_at: Instant,
    /// Given back when the answer has been sent, or the connection becomes a tunnel.
    pub(crate) slot: Option<Slot>,
    pub(crate) renewal: Option<Renewal>,
    /// Of the session, where that is so little that it should be told.
    pub(crate) quota_left: Option<Left>,
    pub(crate) body_bytes: u64,
    /// Ends the tunnel with the pass, where this request opens one.
    pub(crate) leash: Option<Leash>,
    /// Whether a browser only asks what another origin's script may do.
    pub(crate) is_preflight: bool,
}

/// Who shows a pass.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    /// The newest pass of the session.
    pub(crate) pass: Arc<Pass>,
    pub(crate) token: String,
    /// The token that the fan shows, by its id.
    pub(crate) shown: [u8; 32],
    /// Whether that is an older one.
    pub(crate) is_owed: bool,
}

impl Holder {
    /// The holder of a pass that follows another.
    pub(crate) fn renewed(edge: &Edge, old: &Pass, shown: [u8; 32], expires_at_ms: u64) -> Self {
        let pass = Pass::new(&old.room, old.draw, old.place, edge.now_ms(), expires_at_ms, old.hard_end_at_ms);
        Self { token: edge.keys.now().sign_pass(&pass), pass: Arc::new(pass), shown, is_owed: true }
    }
}

impl Visit {
    pub(crate) fn new(edge: &Arc<Edge>) -> Self {
        let (begun, stage, _in_flight) = (Instant::now(), Stage::Arriving, InFlight::enter(edge));
        Self { begun, stage, secure: false, origin: None, room: None, id: OnceLock::new(), leash: None, _in_flight }
    }

    /// The request's name. `headers` are those that it came with.
    pub(crate) fn id(&self, headers: &HeaderMap) -> &RequestId {
        self.id.get_or_init(|| RequestId::of(headers))
    }

    /// Takes what the front has put on the connection.
    pub(crate) fn take_leash(&mut self, carried: Box<dyn Any + Send + Sync>) {
        self.leash = carried.downcast().ok().map(|leash| *leash);
    }

    /// What an answer of the gate says to browsers besides.
    fn dress(&self, edge: &Edge, answer: &mut Answer) {
        if let Some(origin) = &self.origin {
            cors::open_to(origin, answer);
        }
        if let Some(hsts) = edge.hsts.as_ref().filter(|_| self.secure) {
            answer.headers.push((STRICT_TRANSPORT_SECURITY, hsts.clone()));
        }
    }
}

/// Decides on a request; `true` where the gate has answered it itself.
pub(crate) async fn arrive(edge: &Arc<Edge>, session: &mut Session, visit: &mut Visit) -> pingora::Result<bool> {
    super::limits::apply(edge, session);
    let (kind, mut answer) = match admit(edge, session, visit).await? {
        Outcome::Forward => return Ok(false),
        Outcome::Answer(kind, answer) => (kind, answer),
        Outcome::Problem(kind, problem) => (kind, problem_answer(edge, session, &problem)),
        Outcome::List(room, mut answer) => {
            visit.dress(edge, &mut answer.head);
            visit.stage = Stage::Answered { kind: RequestKind::Draw };
            return respond_list(edge, session, &room, answer).await.map(|()| true);
        }
    };
    visit.stage = Stage::Answered { kind };
    visit.dress(edge, &mut answer);
    respond(edge, session, &answer).await?;
    Ok(true)
}

enum Outcome {
    Forward,
    Answer(RequestKind, Answer),
    List(Arc<LiveRoom>, ListAnswer),
    Problem(RequestKind, Problem),
}

impl Outcome {
    fn of(kind: RequestKind, result: Result<Answer, Problem>) -> Self {
        match result {
            Ok(answer) => Self::Answer(kind, answer),
            Err(problem) => Self::Problem(kind, problem),
        }
    }

    fn refused(problem: Problem) -> Self {
        Self::Problem(RequestKind::Refused, problem)
    }
}

async fn admit(edge: &Arc<Edge>, session: &mut Session, visit: &mut Visit) -> pingora::Result<Outcome> {
    let headers = &session.req_header().headers;
    if overlong::is_overlong(headers) {
        return Ok(Outcome::refused(overlong::problem(headers)));
    }
    let arrival = match Arrival::read(edge, session) {
        Ok(arrival) => arrival,
        Err(problem) => return Ok(Outcome::refused(problem)),
    };
    visit.secure = arrival.client.secure;
    if let Route::Fan { room, .. } | Route::Protected { room } = arrival.route {
        visit.origin = cors::named_origin(&edge.rooms[room], &session.req_header().headers);
    }
    if let Err(over) = within_quota(edge, Tally::Count, &arrival, visit.begun) {
        return Ok(Outcome::refused(too_many(edge, over)));
    }
    visit.room = arrival.route.room();
    let room = |room: usize| Arc::clone(&edge.rooms[room]);
    Ok(match arrival.route {
        Route::Fan { room: index, call } => {
            fan_call(edge, session, room(index), call, &arrival, visit.origin.is_some()).await?
        }
        Route::Jwks => document(session, RequestKind::Jwks, || Ok(edge.keys.now().jwks.clone())),
        Route::RecordSchema => document(session, RequestKind::Draw, || Ok(draw::schema())),
        Route::Ended { room: index } => document(session, RequestKind::Ended, || {
            ended::answer(edge, &edge.rooms[index], &session.req_header().headers)
        }),
        Route::Protected { room: index } => protected(edge, session, visit, room(index), arrival).await,
        Route::Open { room: index } => forward(edge, session, visit, room(index), arrival, None).await,
        Route::NoSuchCall => Outcome::refused(Problem::NoSuchCall),
        Route::UnknownHost => Outcome::refused(Problem::UnknownHost),
    })
}

/// Asks whether the request's network may ask so much.
pub(crate) fn within_quota(edge: &Edge, tally: Tally, arrival: &Arrival, at: Instant) -> Result<(), Over> {
    let address = arrival.client.address;
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
    let body = if has_body(&session.req_header().method) {
        let Some(body) = read_body(session, FAN_BODY_BYTES_MAX, Duration::from_millis(edge.client_timeout_ms)).await?
        else {
            return Ok(Outcome::refused(Problem::BodyTooLarge { max_bytes: FAN_BODY_BYTES_MAX }));
        };
        body
    } else {
        bytes::Bytes::new()
    };
    let header = session.req_header();
    let request = FanRequest {
        method: &header.method,
        headers: &header.headers,
        authority: &arrival.authority,
        query: arrival.target.query(),
        secure: arrival.client.secure,
        address: arrival.client.address,
        is_from_named_origin,
        body,
    };
    Ok(match fan::answer(edge, &room, call, &request).await {
        Ok(Reply::Whole(answer)) => Outcome::Answer(kind(call), answer),
        Ok(Reply::List(answer)) => Outcome::List(room, answer),
        Err(problem) => Outcome::Problem(kind(call), problem),
    })
}

fn kind(call: FanCall) -> RequestKind {
    match call {
        FanCall::Status => RequestKind::Status,
        FanCall::Join => RequestKind::Join,
        FanCall::Claim => RequestKind::Claim,
        FanCall::Leave => RequestKind::Leave,
        FanCall::Draw | FanCall::Roster | FanCall::Claims | FanCall::Proof(_) | FanCall::Beacon | FanCall::Check => {
            RequestKind::Draw
        }
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
) -> Outcome {
    let header = session.req_header();
    if cors::is_preflight(&header.method, &header.headers) && !cors::has_body(&header.headers) {
        return forward(edge, session, visit, room, arrival, None).await;
    }
    let secure = arrival.client.secure;
    let holder = match holder(edge, Tally::Count, &room, &header.headers, secure) {
        Some(holder) => Some(holder),
        None => slid::revive(edge, &room, &header.headers, secure).await,
    };
    let ask = Ask {
        method: &header.method,
        wants_page: wants_page(&header.headers),
        upgrade: header.headers.contains_key(UPGRADE),
        has_pass: holder.is_some(),
    };
    let decision = decide(ask, room.state());
    if decision != Decision::Forward && is_ahead(edge, &room, &header.headers, arrival.client.secure) {
        return Outcome::Problem(RequestKind::Proxy, edge.new_key());
    }
    match decision {
        Decision::Forward => forward(edge, session, visit, room, arrival, holder).await,
        Decision::WaitingPage => Outcome::Answer(RequestKind::Page, waiting::page(edge, &room, header, &arrival)),
        Decision::ComeBack => {
            Outcome::of(RequestKind::ComeBack, waiting::come_back(edge, &room, header, &arrival).await)
        }
    }
}

/// Who shows a pass that is good now, by cookie or as a bearer token.
pub(crate) fn holder(edge: &Edge, tally: Tally, room: &LiveRoom, headers: &HeaderMap, secure: bool) -> Option<Holder> {
    let cookie = room.cookies(secure).pass.find(headers);
    let authorization = fields::first(headers, &AUTHORIZATION);
    let now_ms = edge.now_ms();
    [cookie, authorization.and_then(bearer)].into_iter().flatten().find_map(|token| {
        let Checked { pass, .. } = check(edge, tally, room, token, now_ms)?;
        let shown = token_id(token);
        // Most passes are young, and nothing newer is known of them.
        let newer = pass.is_due(room.config.policy.session_idle_ms, now_ms).then(|| edge.slid.newer(&shown, now_ms));
        newer.flatten().or_else(|| Some(Holder { pass, token: token.to_owned(), shown, is_owed: false }))
    })
}

/// Whether somebody shows a pass whose key this edge has not read yet: another edge has let them in.
fn is_ahead(edge: &Edge, room: &LiveRoom, headers: &HeaderMap, secure: bool) -> bool {
    let keys = edge.keys.now();
    let shown = [room.cookies(secure).pass.find(headers), fields::first(headers, &AUTHORIZATION).and_then(bearer)];
    shown.into_iter().flatten().any(|token| keys.public().is_behind(token))
}

fn check(edge: &Edge, tally: Tally, room: &LiveRoom, token: &str, now_ms: u64) -> Option<Checked> {
    let snapshot = room.snapshot();
    let checked = edge.passes.check(edge.keys.now().public(), token, gate(room, snapshot.as_deref()), now_ms).ok();
    if tally == Tally::Count {
        edge.metrics.observe_pass_check(match &checked {
            Some(Checked { from_cache: true, .. }) => PassCheck::Known,
            Some(Checked { from_cache: false, .. }) => PassCheck::Verified,
            None => PassCheck::Refused,
        });
    }
    checked
}

/// What a pass of the room is held against.
pub(crate) fn gate<'a>(room: &'a LiveRoom, snapshot: Option<&'a Snapshot>) -> Gate<'a> {
    static NOBODY: BTreeMap<u64, u64> = BTreeMap::new();
    Gate {
        room: room.name(),
        draw: snapshot.map(|snapshot| &snapshot.view.draw.descriptor_digest),
        closed: snapshot.map_or(&NOBODY, |snapshot| &snapshot.view.closed),
    }
}

async fn forward(
    edge: &Arc<Edge>,
    session: &mut Session,
    visit: &mut Visit,
    room: Arc<LiveRoom>,
    arrival: Arrival,
    holder: Option<Holder>,
) -> Outcome {
    let route = arrival.route;
    if declared_bytes(session) > edge.body_bytes_max {
        return Outcome::refused(Problem::BodyTooLarge { max_bytes: edge.body_bytes_max });
    }
    let header = session.req_header();
    let is_preflight = holder.is_none() && cors::is_preflight(&header.method, &header.headers);
    let class = room.class_of(arrival.target.path());
    let counted = holder
        .as_ref()
        .map_or(Ok(None), |holder| edge.quotas.session(Tally::Count, class, holder.pass.session, visit.begun));
    let quota_left = match counted {
        Ok(left) => left,
        Err(over) => return Outcome::Problem(RequestKind::Proxy, too_many(edge, over)),
    };
    let slot = match room.upstream.slot(class == RouteClass::Priority, edge.now_ms()).await {
        Ok(slot) => slot,
        Err(closed) => return Outcome::Problem(RequestKind::Proxy, shut(edge, closed)),
    };
    let renewal = holder.as_ref().and_then(|holder| Renewal::begin(edge, &room, &holder.pass));
    visit.stage = Stage::Inside(Box::new(Inside {
        room,
        arrival,
        holder,
        class,
        sent_at: Instant::now(),
        slot: Some(slot),
        renewal,
        quota_left,
        body_bytes: 0,
        leash: visit.leash.take(),
        is_preflight: is_preflight && matches!(route, Route::Protected { .. }),
    }));
    Outcome::Forward
}

/// Counts a request of a client that is over its quota.
pub(super) fn too_many(edge: &Edge, over: Over) -> Problem {
    edge.shed(Shed::ClientQuota);
    Problem::TooMany(over)
}

/// Counts a request that the shop has no room for, or does not answer.
pub(super) fn shut(edge: &Edge, closed: Closed) -> Problem {
    match closed {
        Closed::Full(shed) => {
            edge.shed(shed);
            Problem::ShopFull { retry_after_ms: edge.retry_after_ms() }
        }
        Closed::Dead { retry_after_ms } => {
            edge.shed(Shed::UpstreamUnavailable);
            Problem::ShopDown { retry_after_ms: retry_after_ms.max(edge.retry_after_ms()) }
        }
    }
}

fn declared_bytes(session: &Session) -> u64 {
    let declared = fields::list(&session.req_header().headers, &CONTENT_LENGTH).next();
    declared.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()).unwrap_or(0)
}

/// The problem as the client wants it told; the connection ends where it cannot be trusted after it.
pub(crate) fn problem_answer(edge: &Edge, session: &mut Session, problem: &Problem) -> Answer {
    if problem.closes() {
        session.set_keepalive(None);
    }
    let header = session.req_header();
    problem.told(edge, &header.headers, fan::authority(&header.uri, &header.headers), header.raw_path())
}

/// Drops the body of a shop's answer where only what it says about a preflight is passed on.
pub(crate) fn keep_body(visit: &Visit, body: &mut Option<bytes::Bytes>) {
    if let Stage::Inside(inside) = &visit.stage
        && inside.is_preflight
    {
        *body = None;
    }
}

/// Counts the body that goes to the shop.
///
/// # Errors
/// When it grows beyond the limit.
pub(crate) fn count_body(edge: &Edge, visit: &mut Visit, bytes: usize) -> pingora::Result<()> {
    let Stage::Inside(inside) = &mut visit.stage else { return Ok(()) };
    inside.body_bytes += bytes as u64;
    if inside.leash.is_none() && inside.body_bytes > edge.body_bytes_max {
        let code = StatusCode::PAYLOAD_TOO_LARGE.as_u16();
        return pingora::Error::e_explain(pingora::ErrorType::HTTPStatus(code), "the body is larger than allowed");
    }
    if inside.leash.is_none() && is_trickle(inside.sent_at.elapsed(), inside.body_bytes, edge.client_timeout_ms) {
        let slow = pingora::Error::explain(pingora::ErrorType::ReadTimedout, "the body comes too slowly");
        return Err(slow.into_down());
    }
    Ok(())
}

/// Whether a body that has been coming for a while would hold its slot for ever.
fn is_trickle(took: Duration, bytes: u64, patience_ms: u64) -> bool {
    took > Duration::from_millis(patience_ms) && bytes < took.as_secs() * BODY_BYTES_A_SECOND_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_be_slow_but_not_for_ever() {
        let s = Duration::from_secs;
        assert!(!is_trickle(s(15), 1, 15_000), "slow, but within the time of one silence");
        assert!(is_trickle(s(16), 10_000, 15_000));
        assert!(!is_trickle(s(600), 1 << 20, 15_000));
    }
}
