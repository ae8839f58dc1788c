//! The calls that fans make, as one function from a request to an answer: no listener, no connection.

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderName, ORIGIN};
use http::{HeaderMap, Method};

use super::answer::Answer;
use super::lists::ListAnswer;
use super::live::{LiveRoom, Snapshot};
use super::problem::Problem;
use super::state::Edge;
use super::{beacon, claim, draw, join, leave, lists, poll, waiting};
use crate::arrive::credentials::bearer;
use crate::arrive::origin::is_own_origin;
use crate::arrive::route::FanCall;
use crate::pass::{Cookie, Ticket};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A fan's request, read to its end.
pub(crate) struct FanRequest<'r> {
    pub(crate) method: &'r Method,
    pub(crate) headers: &'r HeaderMap,
    /// `Host` or `:authority`, as sent.
    pub(crate) authority: &'r str,
    /// Whether the fan came by TLS.
    pub(crate) secure: bool,
    pub(crate) body: Bytes,
}

impl FanRequest<'_> {
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn cookie(&self, cookie: &Cookie) -> Option<&str> {
        find_cookie(self.headers, cookie)
    }

    /// The ticket, by cookie or as a bearer token.
    pub(crate) fn ticket_token(&self, room: &LiveRoom) -> Option<&str> {
        let by_bearer = self.header(&AUTHORIZATION).and_then(bearer);
        by_bearer.or_else(|| self.cookie(&room.cookies(self.secure).ticket))
    }

    fn is_own(&self) -> bool {
        is_own_origin(self.header(&SEC_FETCH_SITE), self.header(&ORIGIN), self.authority)
    }
}

/// A cookie in any of the `Cookie` headers (HTTP/2 may send several).
pub(crate) fn find_cookie<'r>(headers: &'r HeaderMap, cookie: &Cookie) -> Option<&'r str> {
    headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).find_map(|header| cookie.find(header))
}

/// The authority a request was sent to.
pub(crate) fn authority<'r>(uri: &'r http::Uri, headers: &'r HeaderMap) -> &'r str {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    host.or_else(|| uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default()
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
        return Ok(Reply::Whole(Answer::options(call.allow())));
    }
    if !call.allow().split(", ").any(|allowed| allowed == request.method.as_str()) {
        return Err(Problem::Method { allow: call.allow() });
    }
    if request.method == Method::POST && !request.is_own() {
        return Err(Problem::ForeignOrigin);
    }
    let answer = match call {
        FanCall::Status => poll::answer(edge, room, request),
        FanCall::Join => join::answer(edge, room, request).await,
        FanCall::Claim => claim::answer(edge, room, request).await,
        FanCall::Leave => leave::answer(edge, room, request).await,
        FanCall::Check => Ok(waiting::check(room, request)),
        FanCall::Draw => draw::record(edge, room),
        FanCall::Proof(index) => draw::proof(edge, room, index).await,
        FanCall::Beacon => beacon::answer(edge, room, request).await,
        FanCall::Roster => return lists::roster(edge, room, request).map(Reply::List),
        FanCall::Claims => return lists::claims(edge, room, request).map(Reply::List),
    };
    answer.map(Reply::Whole)
}

/// The ticket that a request carries, of the room's present draw.
///
/// # Errors
/// There is none, or it is not to be believed, or of another draw.
pub(crate) fn ticket(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    request: &FanRequest<'_>,
) -> Result<Ticket, Problem> {
    let token = request.ticket_token(room).ok_or(Problem::NoTicket)?;
    let ticket = edge.keys.verify_ticket(token, room.name()).map_err(|error| Problem::BadTicket(error.to_string()))?;
    if !snapshot.has_draw_of(&ticket) {
        return Err(Problem::OtherDraw);
    }
    Ok(ticket)
}
