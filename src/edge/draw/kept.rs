//! How long caches may keep what is published of a draw.
//!
//! Guarantee: nothing is kept for long under an address that could be another draw's.

use http::HeaderValue;

use crate::edge::context::Edge;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::snapshot::Snapshot;

/// Caching of documents that never change again, at an address that names the draw.
pub(super) const FINAL: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Caching of documents that may be out of date in a second.
pub(super) const GROWING: HeaderValue = HeaderValue::from_static("public, max-age=1");

/// How long caches may keep what is final of the present draw. It is for ever where the address names the draw
/// (`?d=…`). Elsewhere it is a moment, since the room's next draw has the same address.
///
/// # Errors
/// The address names another draw: whatever is answered would be kept under its name.
pub(super) fn kept(request: &FanRequest<'_>, snapshot: &Snapshot) -> Result<HeaderValue, Problem> {
    let query = form_urlencoded::parse(request.query.unwrap_or_default().as_bytes());
    let mut named = query.filter(|(name, _)| name == "d").map(|(_, digest)| digest);
    match named.next() {
        None => Ok(GROWING),
        Some(digest) if *digest == hex::encode(snapshot.view.draw.descriptor_digest) => Ok(FINAL),
        Some(_) => Err(Problem::NoSuchDraw),
    }
}

/// The draw has not come that far.
pub(super) fn pending(edge: &Edge) -> Problem {
    Problem::DrawPending { retry_after_ms: edge.retry_after_ms() }
}
