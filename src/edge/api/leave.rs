//! `POST leave`: a fan gives up the place, so that the line moves on.

use http::StatusCode;

use super::entry::bound;
use super::lost_number;
use super::ticket::{self, Shown};
use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::body::{Nothing, Sent};
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use fairgate_core::room::Command;
use fairgate_store::StoreError;

pub(crate) async fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let sent = Sent::<Nothing>::read(request)?;
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let Shown { ticket, token, in_cookie } = ticket::shown(edge, room, &snapshot, request)?;
    lost_number::check(edge, room, &snapshot, &ticket).await?;
    bound::check_leaving(edge, room, &snapshot, request, (&ticket, token)).await?;
    // Before the draw there is no place to give up: the entry stays in the public roster and becomes a no-show.
    if let Some(place) = snapshot.place_of(&ticket) {
        give_up(edge, room, place).await?;
    }
    let answer = Answer::empty(StatusCode::NO_CONTENT);
    let cookie = &room.cookies(request.secure).ticket;
    Ok(sent.reply(if in_cookie { answer.set_cookie(&cookie.clear()) } else { answer }))
}

async fn give_up(edge: &Edge, room: &LiveRoom, place: u64) -> Result<(), Problem> {
    match edge.store.apply(room.name(), Command::Leave(vec![place])).await {
        // A room that has ended has no place to give up either.
        Ok(_) | Err(StoreError::Refused(_)) => Ok(()),
        Err(StoreError::Unavailable(_) | StoreError::Damaged(_)) => Err(edge.store_unavailable()),
    }
}
