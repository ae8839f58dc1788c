//! The draw log over HTTP: its checkpoint, tiles and bundles (C2SP `tlog-tiles`), and proofs of single statements
//! (`tlog-proof`).
//!
//! Guarantees: an answer is a tile or a bundle and no more. Tiles may be kept for ever, checkpoints and proofs for a second,
//! since more may have cosigned them by then.

use fairgate_core::request::fan_call::LogStatement;
use fairgate_draw::Hash;
use fairgate_draw::log::{KeptLog, LogPath, Statement};
use http::StatusCode;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use super::live::LiveLog;
use crate::edge::http::answer::Answer;
use crate::edge::http::cors::ANYBODY;
use crate::edge::http::problem::Problem;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const GROWING: HeaderValue = HeaderValue::from_static("public, max-age=1");
const FINAL: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A file of the log.
pub(crate) fn file(live: &LiveLog, path: LogPath) -> Result<Answer, Problem> {
    let log = live.now().ok_or(Problem::NoSuchCall)?;
    let bytes = path.of(&log).ok_or(Problem::NoSuchCall)?;
    let (kind, cache) = if path == LogPath::Checkpoint { (TEXT, GROWING) } else { (BYTES, FINAL) };
    Ok(answer(kind, cache).body(bytes))
}

/// The proof that the log has a statement of a draw.
pub(crate) fn proof(live: &LiveLog, draw: &Hash, kind: LogStatement) -> Result<Answer, Problem> {
    let log = live.now().ok_or(Problem::NoSuchCall)?;
    let index = find(&log, draw, kind).ok_or(Problem::NoSuchCall)?;
    let proof = log.proof(index).ok_or(Problem::NoSuchCall)?;
    Ok(answer(TEXT, GROWING).body(proof.to_string()))
}

/// Where a log has a statement of a draw; draws of today are at its end.
fn find(log: &KeptLog, draw: &Hash, kind: LogStatement) -> Option<u64> {
    let is_it = |statement: &Statement| {
        let is_kind = match statement {
            Statement::Draw { .. } => kind == LogStatement::Draw,
            Statement::Freeze { .. } => kind == LogStatement::Freeze,
            Statement::Reveal { .. } => kind == LogStatement::Reveal,
            Statement::Key { .. } | Statement::Void { .. } => false,
        };
        is_kind && statement.draw() == draw
    };
    let behind = log.statements().rev().position(is_it)?;
    log.size().checked_sub(1 + behind as u64)
}

fn answer(kind: HeaderValue, cache: HeaderValue) -> Answer {
    Answer::empty(StatusCode::OK)
        .header(CONTENT_TYPE, kind)
        .header(CACHE_CONTROL, cache)
        .header(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY)
}
