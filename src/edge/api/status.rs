//! `GET status`: the prebuilt status document, or 304 where the client has it already.

use http::header::IF_NONE_MATCH;

use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::status_document;
use fairgate_core::fields::{names_tag, values};

pub(crate) fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let known = values(request.headers, &IF_NONE_MATCH).any(|tags| names_tag(tags, snapshot.status.etag.as_bytes()));
    if known {
        return Ok(status_document::answer_known(&snapshot.status.etag));
    }
    Ok(status_document::answer(snapshot.status.body.clone(), &snapshot.status.etag))
}
