//! The calls that fans make, as one function from a request to an answer: no listener, no connection.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use http::{HeaderMap, Method};

use super::claim;
use super::join;
use super::leave;
use super::status;
use super::waiting_page;
use crate::arrive::origin::is_own_origin;
use crate::arrive::route::FanCall;
use crate::edge::context::Edge;
use crate::edge::draw::beacon;
use crate::edge::draw::public_lists;
use crate::edge::draw::public_lists::ListAnswer;
use crate::edge::draw::record;
use crate::edge::http::answer::Answer;
use crate::edge::http::cors;
use crate::edge::http::problem::Problem;
use crate::edge::room::handle::{LiveRoom, Snapshot};
use crate::fields::{self, bearer};
use crate::pass::{JwsError, Ticket, TicketError};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A fan's request, read to its end.
pub(crate) struct FanRequest<'r> {
    pub(crate) method: &'r Method,
    pub(crate) headers: &'r HeaderMap,
    /// `Host` or `:authority`, as sent.
    pub(crate) authority: &'r str,
    /// The target's query, without its question mark.
    pub(crate) query: Option<&'r str>,
    /// Whether the fan came by TLS.
    pub(crate) secure: bool,
    /// Whose quotas the request counts for.
    pub(crate) address: IpAddr,
    /// Whether a page sent it whose origin the room names.
    pub(crate) is_from_named_origin: bool,
    pub(crate) body: Bytes,
}

impl FanRequest<'_> {
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&[u8]> {
        fields::first(self.headers, name)
    }

    /// Whether the request has the cookie of a ticket, good or not.
    pub(crate) fn has_ticket_cookie(&self, room: &LiveRoom) -> bool {
        room.cookies(self.secure).ticket.find(self.headers).is_some()
    }

    fn is_own(&self) -> bool {
        self.is_from_named_origin || is_own_origin(self.header(&SEC_FETCH_SITE), self.header(&ORIGIN), self.authority)
    }
}

/// The authority a request was sent to: `:authority`, which all of HTTP/2 has, or `Host`. Pingora refuses a request in which
/// they differ.
pub(crate) fn authority<'r>(uri: &'r http::Uri, headers: &'r HeaderMap) -> &'r str {
    let host = || fields::first(headers, &HOST).and_then(|host| std::str::from_utf8(host).ok());
    uri.authority().map(http::uri::Authority::as_str).or_else(host).unwrap_or_default()
}

/// A ticket of the room's present draw.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) ticket: Ticket,
    /// Whether the room's cookie has it, alone or as well: what ends the ticket has to clear the cookie then, or the next
    /// join would bring the ticket back.
    pub(crate) in_cookie: bool,
}

/// What a call is answered with.
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
    let answer = match call {
        FanCall::Status => status::answer(edge, room, request),
        FanCall::Join => join::answer(edge, room, request).await,
        FanCall::Claim => claim::answer(edge, room, request).await,
        FanCall::Leave => leave::answer(edge, room, request).await,
        FanCall::Check => Ok(waiting_page::check(room, request)),
        FanCall::Draw => record::record(edge, room, request),
        FanCall::Proof(index) => record::proof(edge, room, index, request).await,
        FanCall::Beacon => beacon::answer(edge, room, request).await,
        FanCall::Roster => return public_lists::roster(edge, room, request).map(Reply::List),
        FanCall::Claims => return public_lists::claims(edge, room, request).map(Reply::List),
    };
    answer.map(Reply::Whole)
}

/// The ticket that a request carries, of the room's present draw. A bearer token that is none (a shop's own login) does
/// not stand in the way of the cookie.
///
/// # Errors
/// There is none, or none is to be believed and of this draw. Every credential of the request was judged then.
pub(crate) fn ticket(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    request: &FanRequest<'_>,
) -> Result<Shown, Problem> {
    let by_bearer = request.header(&AUTHORIZATION).and_then(bearer);
    let by_cookie = room.cookies(request.secure).ticket.find(request.headers);
    let mut refusal = Problem::NoTicket;
    for token in [by_bearer, by_cookie].into_iter().flatten() {
        match believe(edge, room, snapshot, token) {
            Ok(ticket) => {
                let is_same = |other: Ticket| other.position == ticket.position;
                let in_cookie = by_cookie
                    .is_some_and(|cookie| cookie == token || believe(edge, room, snapshot, cookie).is_ok_and(is_same));
                return Ok(Shown { ticket, in_cookie });
            }
            Err(problem) => refusal = problem,
        }
    }
    Err(refusal)
}

fn believe(edge: &Edge, room: &LiveRoom, snapshot: &Snapshot, token: &str) -> Result<Ticket, Problem> {
    let keys = edge.keys.now();
    let ticket = keys.verify_ticket(token, room.name()).map_err(|error| match error {
        TicketError::Token(JwsError::UnknownKey) if keys.public().is_behind(token) => edge.new_key(),
        error => Problem::BadTicket(error.to_string()),
    })?;
    if !snapshot.has_draw_of(&ticket) {
        return Err(Problem::OtherDraw);
    }
    Ok(ticket)
}
