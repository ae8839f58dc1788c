//! The calls on rooms.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Caller;
use super::audit::AuditEntry;
use super::body::{JsonBody, QueryOf};
use super::change::{Change, RoomPatch, changes, role_for, warnings};
use super::problem::Problem;
use super::state::RoomState;
use super::{Admin, RoomName};
use fairgate_core::room::{Announced, Command, Control, PreparedDraw, View};
use fairgate_problem::ProblemDetails;

const AUDIT_ENTRIES_MAX: usize = 100;

/// All rooms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rooms {
    /// In the order of the configuration.
    pub rooms: Vec<RoomState>,
}

/// What was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// True if nothing was changed, and this only says what would change.
    pub dry_run: bool,
    /// What changed; empty where nothing did.
    pub changes: Vec<Change>,
    /// What is unusual about the change, in sentences. It was made all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How the room stands now.
    pub room: RoomState,
}

/// How to make a change.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct How {
    /// Only show what would change.
    pub(super) dry_run: bool,
}

/// List the rooms, live.
#[utoipa::path(get, path = "/api/v1/rooms", tag = "rooms", security(("token" = [])),
    responses((status = 200, body = Rooms), (status = "default", body = ProblemDetails)))]
pub(super) async fn list(State(admin): State<Admin>, _: Caller) -> Result<Json<Rooms>, Problem> {
    let mut rooms = Vec::with_capacity(admin.rooms.len());
    for room in admin.rooms.iter() {
        rooms.push(state(&admin, room).await?);
    }
    Ok(Json(Rooms { rooms }))
}

/// Show one room, live.
#[utoipa::path(get, path = "/api/v1/rooms/{room}", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name")),
    responses((status = 200, body = RoomState), (status = "default", body = ProblemDetails)))]
pub(super) async fn show(
    State(admin): State<Admin>,
    _: Caller,
    Path(room): Path<String>,
) -> Result<Json<RoomState>, Problem> {
    Ok(Json(state(&admin, find(&admin, &room)?).await?))
}

/// Change a room: rate, limits, message, sold out, end.
#[utoipa::path(patch, path = "/api/v1/rooms/{room}", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), How), request_body = RoomPatch,
    responses((status = 200, body = Changed), (status = "default", body = ProblemDetails)))]
pub(super) async fn patch(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(how): QueryOf<How>,
    JsonBody(patch): JsonBody<RoomPatch>,
) -> Result<Json<Changed>, Problem> {
    apply(&admin, &caller, &room, how, &patch).await
}

/// Stop calling and admitting fans until `resume`. Fans inside the shop are not affected.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/pause", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), How),
    responses((status = 200, body = Changed), (status = "default", body = ProblemDetails)))]
pub(super) async fn pause(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(how): QueryOf<How>,
) -> Result<Json<Changed>, Problem> {
    apply(&admin, &caller, &room, how, &RoomPatch { paused: Some(true), ..RoomPatch::default() }).await
}

/// Continue after `pause` or `drain`.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/resume", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), How),
    responses((status = 200, body = Changed), (status = "default", body = ProblemDetails)))]
pub(super) async fn resume(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(how): QueryOf<How>,
) -> Result<Json<Changed>, Problem> {
    apply(&admin, &caller, &room, how, &RoomPatch { paused: Some(false), ..RoomPatch::default() }).await
}

/// Stop calling fans until `resume`. Fans who were called already may still come in. Fans inside are not affected.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/drain", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), How),
    responses((status = 200, body = Changed), (status = "default", body = ProblemDetails)))]
pub(super) async fn drain(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(how): QueryOf<How>,
) -> Result<Json<Changed>, Problem> {
    make(&admin, &caller, &room, how, |_| Ok(vec![Control::Drain])).await
}

/// The latest changes made through this edge, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    /// At most a hundred.
    pub changes: Vec<AuditEntry>,
}

/// Show the audit log of a room: the latest hundred changes made through this edge, each with its author and both values.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/audit", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name")),
    responses((status = 200, body = Audit), (status = "default", body = ProblemDetails)))]
pub(super) async fn audit_of(
    State(admin): State<Admin>,
    _: Caller,
    Path(room): Path<String>,
) -> Result<Json<Audit>, Problem> {
    let name = find(&admin, &room)?.name.clone();
    let read = tokio::task::spawn_blocking(move || admin.audit.latest(&name, AUDIT_ENTRIES_MAX)).await;
    let changes = read.map_err(std::io::Error::other).flatten().map_err(|error| Problem::Audit(error.to_string()))?;
    Ok(Json(Audit { changes }))
}

async fn apply(
    admin: &Admin,
    caller: &Caller,
    room: &str,
    how: How,
    patch: &RoomPatch,
) -> Result<Json<Changed>, Problem> {
    make(admin, caller, room, how, |view| patch.controls(view)).await
}

/// Makes all of what is asked for, or nothing.
async fn make(
    admin: &Admin,
    caller: &Caller,
    room: &str,
    how: How,
    wanted: impl FnOnce(&View) -> Result<Vec<Control>, Problem>,
) -> Result<Json<Changed>, Problem> {
    let room = find(admin, room)?;
    let _one_at_a_time = admin.changing.lock().await;
    let view = admin.store.view(&room.name).await?;
    let controls = wanted(&view)?;
    controls.iter().try_for_each(|control| caller.require(role_for(control)))?;
    let changes: Vec<_> = controls.iter().flat_map(|control| changes(control, &view)).collect();
    let warnings = warnings(&controls, &view, next_of(admin, &room.name, &view).await?.as_ref());
    if !how.dry_run && !changes.is_empty() {
        admin.store.apply(&room.name, Command::Control(controls)).await?;
        record(admin, caller, &room.name, &changes, view.now_ms).await?;
    }
    Ok(Json(Changed { dry_run: how.dry_run, changes, warnings, room: state(admin, room).await? }))
}

/// Writes changes down that were made.
pub(super) async fn record(
    admin: &Admin,
    caller: &Caller,
    room: &str,
    changes: &[Change],
    at_ms: u64,
) -> Result<(), Problem> {
    let (audit, caller, room, changes) = (Arc::clone(&admin.audit), caller.clone(), room.to_owned(), changes.to_vec());
    let written = tokio::task::spawn_blocking(move || audit.record(&caller, &room, &changes, at_ms)).await;
    written.map_err(std::io::Error::other).flatten().map_err(|error| Problem::Audit(error.to_string()))
}

pub(super) fn find<'a>(admin: &'a Admin, name: &str) -> Result<&'a RoomName, Problem> {
    admin.rooms.iter().find(|room| room.name == name).ok_or_else(|| Problem::NoRoom(name.to_owned()))
}

pub(super) async fn state(admin: &Admin, room: &RoomName) -> Result<RoomState, Problem> {
    let view = admin.store.view(&room.name).await?;
    let next = next_of(admin, &room.name, &view).await?;
    Ok(RoomState::new(room, &view, next.as_ref(), admin.store.time()))
}

/// The sale that follows the present one, once its draw is prepared.
async fn next_of(admin: &Admin, room: &str, view: &View) -> Result<Option<Announced>, Problem> {
    let kept = admin.store.next_draw(room).await?.kept;
    let announced = kept.as_ref().and_then(PreparedDraw::announced);
    // The one that is kept last is that of the last sale once this has begun.
    Ok(announced.filter(|next| next.starts_at_ms > view.starts_at_ms))
}
