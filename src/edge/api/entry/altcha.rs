//! `GET entry/altcha?bond=`: the puzzle as ALTCHA's widget wants it, where the room offers that.

use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use super::desk;
use crate::edge::context::Edge;
use crate::edge::entry::shown::of_query;
use crate::edge::http::answer::Answer;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;

pub(super) fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let (desk, snapshot) = desk::open(edge, room)?;
    let bond = desk::bond(of_query(request.query, "bond").as_deref())?;
    let challenge = desk.altcha(bond, &desk::moment(edge, &snapshot, request)).ok_or(EntryProblem::NotAsked)?;
    Ok(Answer::empty(StatusCode::OK)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .body(Bytes::from(challenge)))
}
