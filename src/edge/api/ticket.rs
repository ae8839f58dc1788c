//! Authentication by ticket: a bearer token, or the room's cookie.
//!
//! Guarantee: a bearer token that is no ticket, such as a shop's own login, does not hide the cookie's ticket.

use http::header::AUTHORIZATION;

use crate::edge::context::Edge;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;
use fairgate_core::fields::bearer;
use fairgate_token::{JwsError, Ticket, TicketError};

/// A ticket of the room's present draw.
#[derive(Clone, Debug)]
pub(super) struct Shown<'h> {
    pub(crate) ticket: Ticket,
    /// As it was sent.
    pub(crate) token: &'h str,
    /// True if the room's cookie has the ticket, alone or as well. What ends the ticket has to clear the cookie then,
    /// or the next join would bring the ticket back.
    pub(crate) in_cookie: bool,
}

/// The ticket that a request carries, of the room's present draw. A bearer token that is none (a shop's own login) does
/// not stand in the way of the cookie.
///
/// # Errors
/// There is none, or none is to be believed and of this draw. Every credential of the request was judged then.
pub(super) fn shown<'h>(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    request: &FanRequest<'h>,
) -> Result<Shown<'h>, Problem> {
    let by_bearer = request.headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    let by_cookie = room.cookies(request.secure).ticket.find(request.headers);
    let mut refusal = Problem::NoTicket;
    for token in [by_bearer, by_cookie].into_iter().flatten() {
        match believe(edge, room, snapshot, token) {
            Ok(ticket) => {
                let is_same = |other: Ticket| (other.position, other.of_tier) == (ticket.position, ticket.of_tier);
                let in_cookie = by_cookie
                    .is_some_and(|cookie| cookie == token || believe(edge, room, snapshot, cookie).is_ok_and(is_same));
                return Ok(Shown { ticket, token, in_cookie });
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
