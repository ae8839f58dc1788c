//! Ends one fan's session, or takes a place away: for tickets that were stolen or sold on.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Admin;
use super::access::Caller;
use super::body::{JsonBody, QueryOf};
use super::change::Change;
use super::make::record;
use super::problem::Problem;
use super::rooms::{Changed, How, find, state};
use crate::config::Role;
use fairgate_core::room::{Command, View};
use fairgate_problem::ProblemDetails;
use fairgate_token::SessionId;

/// Whom to revoke: by place, or by session as the shop receives it in `X-Fairgate-Session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// The place in the line.
    Place(u64),
    /// The session: 32 hexadecimal digits.
    Session(String),
}

/// End one session, or invalidate one place (role sre). The pass is refused on every edge within a second.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/revoke", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), How), request_body = Revocation,
    responses((status = 200, body = Changed), (status = "default", body = ProblemDetails)))]
pub(super) async fn revoke(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(how): QueryOf<How>,
    JsonBody(whom): JsonBody<Revocation>,
) -> Result<Json<Changed>, Problem> {
    caller.require(Role::Sre)?;
    let room = find(&admin, &room)?;
    let _one_at_a_time = admin.changing.lock().await;
    let view = admin.store.view(&room.name).await?;
    let place = place_of(whom, &view).await?;
    let change = Change { what: "revoked_place".into(), before: json!(null), after: json!(place) };
    let mut id = None;
    if !how.dry_run {
        admin.store.apply(&room.name, Command::Leave(vec![place])).await?;
        id = Some(record(&admin, &caller, &room.name, std::slice::from_ref(&change), view.now_ms).await?);
    }
    Ok(Json(Changed {
        dry_run: how.dry_run,
        id,
        changes: vec![change],
        consequences: Vec::new(),
        warnings: Vec::new(),
        room: state(&admin, &room).await?,
    }))
}

async fn place_of(whom: Revocation, view: &View) -> Result<u64, Problem> {
    let unknown = |reason: String| Problem::Value { key: "revoke", reason };
    match whom {
        Revocation::Place(place) if place < view.line_size => Ok(place),
        Revocation::Place(place) => Err(unknown(format!("there is no place {place}; the line has {}", view.line_size))),
        Revocation::Session(session) => {
            let (draw, serving) = (view.draw.descriptor_digest, view.serving);
            let text = session.clone();
            // A session's name follows from its place and not the other way round: millions of hashes, off the runtime.
            let search = move || (0..serving).find(|place| SessionId::of(&draw, *place).to_string() == text);
            let found = tokio::task::spawn_blocking(search).await.ok().flatten();
            found.ok_or_else(|| unknown(format!("no place that was called has the session {session}")))
        }
    }
}
