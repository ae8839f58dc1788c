//! `GET status`: the prebuilt document, or the news that nothing is new.

use http::header::{HeaderValue, IF_NONE_MATCH};

use super::answer::Answer;
use super::fan::FanRequest;
use super::live::LiveRoom;
use super::problem::Problem;
use super::state::Edge;
use super::status;

pub(crate) fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let known = request.header(&IF_NONE_MATCH).is_some_and(|tags| names(tags, &snapshot.status.etag));
    if known {
        return Ok(status::answer_known(&snapshot.status.etag));
    }
    Ok(status::answer(snapshot.status.body.clone(), &snapshot.status.etag))
}

/// Whether `If-None-Match` names a tag (weak comparison).
pub(crate) fn names(tags: &str, etag: &HeaderValue) -> bool {
    tags.split(',').map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || tag.as_bytes() == etag.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_tags_weakly() {
        let etag = HeaderValue::from_static("\"1-2-0\"");
        for tags in ["\"1-2-0\"", "W/\"1-2-0\"", "\"x\", \"1-2-0\"", "*"] {
            assert!(names(tags, &etag), "{tags}");
        }
        for tags in ["", "\"1-2-1\"", "1-2-0"] {
            assert!(!names(tags, &etag), "{tags}");
        }
    }
}
