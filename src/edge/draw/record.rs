//! `GET draw`: the draw's public record, and the proof that an entry stands in the roster.

use std::sync::Arc;

use fairgate_draw::{Descriptor, Record, RosterTree};
use http::StatusCode;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LINK};
use serde::Serialize;

use super::kept::{GROWING, kept, pending};
use super::roster::read_tree;
use super::row_proof::row_and_path;
use super::tiers;
use crate::edge::context::Edge;
use crate::edge::draw_log::serve;
use crate::edge::http::answer::Answer;
use crate::edge::http::cors::ANYBODY;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;
use fairgate_core::request::fan_call::LogStatement;

/// The JSON Schema of a record.
pub(crate) const SCHEMA: &str = include_str!("../../../docs/draw-record.schema.json");
/// The same of a draw with tiers.
pub(crate) const TIER_SCHEMA: &str = include_str!("../../../docs/draw-record-v2.schema.json");

/// That an entry stands in the roster.
#[derive(Serialize)]
pub(super) struct Proof {
    pub(super) index: u64,
    pub(super) entries: u64,
    pub(super) entry: String,
    pub(super) path: Vec<String>,
    pub(super) root: String,
}

/// `GET draw`.
pub(crate) fn record(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let kept = kept(request, &snapshot)?;
    let (text, is_final) = signed(edge, &snapshot, room.log_vkey()).ok_or(Problem::Internal)?;
    let cache = if is_final { kept } else { GROWING };
    let schema = if snapshot.rules().is_some() { "draw-record-v2.schema.json" } else { "draw-record.schema.json" };
    Ok(Answer::empty(StatusCode::OK)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(CACHE_CONTROL, cache)
        .header(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY)
        .text(LINK, &format!("<{}/{schema}>; rel=\"describedby\"", edge.prefix))
        .body(text))
}

/// `GET /.fairgate/draw-record.schema.json`, and that of draws with tiers: what a record is, for programs.
pub(crate) fn schema(text: &'static str) -> Answer {
    Answer::empty(StatusCode::OK)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/schema+json"))
        .header(CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"))
        .header(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY)
        .body(text)
}

/// The public record of a draw, signed, as canonical JSON, and whether it is final.
pub(super) fn signed(edge: &Edge, snapshot: &Snapshot, log: Option<&str>) -> Option<(String, bool)> {
    let (keys, now_ms) = (edge.keys.now(), edge.now_ms());
    Some(match snapshot.rules() {
        None => {
            let record = keys.sign_record(public_record(snapshot, log)?, now_ms);
            (record.canonical_json(), record.is_final())
        }
        Some(rules) => {
            let mut record = tiers::public_record(&snapshot.view, rules);
            record.log = log.map(str::to_owned);
            let record = keys.sign_tier_record(record, now_ms);
            (record.canonical_json(), record.is_final())
        }
    })
}

/// The public record of a draw, before it is signed.
fn public_record(snapshot: &Snapshot, log: Option<&str>) -> Option<Record> {
    let known = &snapshot.view.draw;
    let scheduled = Record::scheduled(Descriptor::parse(&known.descriptor).ok()?);
    Some(Record {
        beacon: known.beacon,
        beacon_signature: known.beacon_signature,
        entries: known.entries,
        frozen_at_ms: known.frozen_at_ms,
        log: log.map(str::to_owned),
        left_out: known.left_out.filter(|left_out| *left_out > 0),
        missing: known.missing.filter(|missing| *missing > 0),
        revealed_at_ms: known.revealed_at_ms,
        root: known.root,
        secret: known.secret,
        seed: known.seed,
        ..scheduled
    })
}

/// `GET draw/proof/{index}`.
pub(crate) async fn proof(
    edge: &Edge,
    room: &LiveRoom,
    index: u64,
    request: &FanRequest<'_>,
) -> Result<Answer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    if snapshot.rules().is_some() {
        return Err(Problem::NoSuchCall);
    }
    let kept = kept(request, &snapshot)?;
    let (entries, root) = snapshot.view.draw.entries.zip(snapshot.view.draw.root).ok_or_else(|| pending(edge))?;
    let tree = tree(edge, room, entries, root).await?;
    let chunk = tree.chunk(index).ok_or(Problem::NoSuchEntry { index, entries })?;
    let bytes = edge.store.roster(room.name(), chunk).await.map_err(|_| edge.store_unavailable())?;
    let (entry, path) = row_and_path::<32>(&tree, index, &bytes)?;
    let mut answer = Answer::json(StatusCode::OK, &Proof { index, entries, entry, path, root: hex::encode(root) });
    answer.headers.retain(|(name, _)| name != CACHE_CONTROL);
    Ok(answer.header(CACHE_CONTROL, kept).header(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY))
}

/// `GET draw/{draw,freeze,reveal}.tlog-proof`: that the draw log has the statement, and who has seen it.
pub(crate) fn log_proof(
    edge: &Edge,
    room: &LiveRoom,
    statement: LogStatement,
    request: &FanRequest<'_>,
) -> Result<Answer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    kept(request, &snapshot)?;
    let log = edge.log.as_deref().ok_or(Problem::NoSuchCall)?;
    serve::proof(log, &snapshot.view.draw.descriptor_digest, statement)
}

/// The frozen roster's tree, read anew after a restart.
async fn tree(edge: &Edge, room: &LiveRoom, entries: u64, root: [u8; 32]) -> Result<Arc<RosterTree>, Problem> {
    if let Some(tree) = room.tree.load_full().filter(|tree| tree.root() == root) {
        return Ok(tree);
    }
    let tree = read_tree(&*edge.store, room.name(), entries).await.map_err(|_| edge.store_unavailable())?;
    let tree = Arc::new(tree);
    room.tree.store(Some(Arc::clone(&tree)));
    Ok(tree)
}
