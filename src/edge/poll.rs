//! `GET status`: the prebuilt document, or the news that nothing is new.

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};

use super::answer::Answer;
use super::fan::FanRequest;
use super::live::LiveRoom;
use super::problem::Problem;
use super::state::Edge;

/// Long enough for a CDN to answer everyone else, short enough that a countdown stays true.
pub(crate) const STATUS_CACHE_CONTROL: &str = "public, max-age=1";

pub(crate) fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let known = request.header(&IF_NONE_MATCH).is_some_and(|tags| names(tags, snapshot.etag()));
    let answer = if known {
        Answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        Answer::empty(StatusCode::OK)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(snapshot.status.body.clone())
    };
    Ok(answer
        .header(CACHE_CONTROL, HeaderValue::from_static(STATUS_CACHE_CONTROL))
        .header(ETAG, snapshot.etag().clone()))
}

/// Whether `If-None-Match` names a tag (weak comparison).
fn names(tags: &str, etag: &HeaderValue) -> bool {
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
