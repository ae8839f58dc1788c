//! The calls on rooms.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Caller;
use super::body::{JsonBody, QueryOf};
use super::change::{Change, RoomPatch};
use super::make::{Asked, make};
use super::precondition::{ControlsTag, Seen};
use super::problem::Problem;
use super::state::RoomState;
use super::{Admin, RoomName};
use fairgate_core::room::{Announced, Control, PreparedDraw, View};
use fairgate_problem::ProblemDetails;

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
    /// What `undo` takes; null where nothing was changed.
    #[serde(default)]
    pub id: Option<String>,
    /// What changed; empty where nothing did.
    pub changes: Vec<Change>,
    /// What it means for those who wait and those inside, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<String>,
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
    let named = (admin.rooms)();
    let mut rooms = Vec::with_capacity(named.len());
    for room in &named {
        rooms.push(state(&admin, room).await?);
    }
    Ok(Json(Rooms { rooms }))
}

/// Show one room, live. Its `ETag` is the state of what people set: send it back as `If-Match` with a change, and the change
/// is refused (412) where somebody else's came first.
#[utoipa::path(get, path = "/api/v1/rooms/{room}", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name")),
    responses((status = 200, body = RoomState), (status = "default", body = ProblemDetails)))]
pub(super) async fn show(State(admin): State<Admin>, _: Caller, Path(room): Path<String>) -> Result<Response, Problem> {
    let state = state(&admin, &find(&admin, &room)?).await?;
    Ok(ControlsTag::on(&state.controls, Json(&state)))
}

/// Change a room: rate, limits, message, sold out, end.
#[utoipa::path(patch, path = "/api/v1/rooms/{room}", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), How,
        ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen: other controls are not overwritten (412)")),
    request_body = RoomPatch,
    responses((status = 200, body = Changed), (status = "default", body = ProblemDetails)))]
pub(super) async fn patch(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(how): QueryOf<How>,
    seen: Seen,
    JsonBody(patch): JsonBody<RoomPatch>,
) -> Result<Response, Problem> {
    apply(&admin, &caller, &room, (how, seen), |view| patch.controls(view)).await
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
    seen: Seen,
) -> Result<Response, Problem> {
    let patch = RoomPatch { paused: Some(true), ..RoomPatch::default() };
    apply(&admin, &caller, &room, (how, seen), |view| patch.controls(view)).await
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
    seen: Seen,
) -> Result<Response, Problem> {
    let patch = RoomPatch { paused: Some(false), ..RoomPatch::default() };
    apply(&admin, &caller, &room, (how, seen), |view| patch.controls(view)).await
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
    seen: Seen,
) -> Result<Response, Problem> {
    apply(&admin, &caller, &room, (how, seen), |_| Ok(vec![Control::Drain])).await
}

async fn apply(
    admin: &Admin,
    caller: &Caller,
    room: &str,
    (how, seen): (How, Seen),
    wanted: impl Fn(&View) -> Result<Vec<Control>, Problem>,
) -> Result<Response, Problem> {
    let asked = Asked { dry_run: how.dry_run, seen, undoes: None };
    let changed = make(admin, caller, room, &asked, wanted).await?;
    let tag = changed.room.controls.clone();
    Ok(ControlsTag::on(&tag, Json(changed)))
}

pub(super) fn find(admin: &Admin, name: &str) -> Result<RoomName, Problem> {
    (admin.rooms)().into_iter().find(|room| room.name == name).ok_or_else(|| Problem::NoRoom(name.to_owned()))
}

pub(super) async fn state(admin: &Admin, room: &RoomName) -> Result<RoomState, Problem> {
    let view = admin.store.view(&room.name).await?;
    let next = next_of(admin, &room.name, &view).await?;
    Ok(RoomState::new(room, &view, next.as_ref(), admin.store.time()))
}

/// The sale that follows the present one, once its draw is prepared.
pub(super) async fn next_of(admin: &Admin, room: &str, view: &View) -> Result<Option<Announced>, Problem> {
    let kept = admin.store.next_draw(room).await?.kept;
    let announced = kept.as_ref().and_then(PreparedDraw::announced);
    // The one that is kept last is that of the last sale once this has begun.
    Ok(announced.filter(|next| next.starts_at_ms > view.starts_at_ms))
}
