//! The edges of a fleet that keep a room, and which of them follow what was changed last.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use utoipa::{IntoParams, ToSchema};

use super::Admin;
use super::access::Caller;
use super::body::QueryOf;
use super::problem::Problem;
use super::rooms::find;
use fairgate_problem::ProblemDetails;

/// Edges look five times a second: one that has been silent for so long is gone.
const HEARD_WITHIN_MS: u64 = 5_000;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The edges that keep a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EdgesState {
    /// Edges that have looked at the room within the last five seconds.
    pub known: usize,
    /// Those of them that have looked at it since the time that was asked for: they show what it was then.
    pub following: usize,
    /// The room's time.
    pub now_ms: u64,
}

/// Since when.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    /// A room's time, Unix ms: the `room.now_ms` that a change has answered.
    since: u64,
}

/// Show how many edges keep a room, and how many of them follow what was changed until a time.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/edges", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), Since),
    responses((status = 200, body = EdgesState), (status = "default", body = ProblemDetails)))]
pub(super) async fn show(
    State(admin): State<Admin>,
    _: Caller,
    Path(room): Path<String>,
    QueryOf(since): QueryOf<Since>,
) -> Result<Json<EdgesState>, Problem> {
    let room = find(&admin, &room)?;
    let now_ms = admin.store.view(&room.name).await?.now_ms;
    Ok(Json(edges(&admin, &room.name, since.since, now_ms).await?))
}

/// How many edges keep a room at its time `now_ms`.
pub(super) async fn edges(admin: &Admin, room: &str, since_ms: u64, now_ms: u64) -> Result<EdgesState, Problem> {
    let Some(looks) = admin.store.edges(room).await? else {
        return Ok(EdgesState { known: 1, following: 1, now_ms });
    };
    let known = looks.iter().filter(|look| look.at_ms.saturating_add(HEARD_WITHIN_MS) >= now_ms);
    let following = known.clone().filter(|look| look.at_ms >= since_ms).count();
    Ok(EdgesState { known: known.count(), following, now_ms })
}

/// Waits until all edges follow what was changed until a time, but not for long.
pub(super) async fn followed(
    admin: &Admin,
    room: &str,
    since_ms: u64,
    patience: Duration,
) -> Result<EdgesState, Problem> {
    let until = Instant::now() + patience;
    loop {
        let edges = edges(admin, room, since_ms, since_ms).await?;
        if edges.following == edges.known || Instant::now() >= until {
            return Ok(edges);
        }
        sleep(LOOK_EVERY).await;
    }
}
