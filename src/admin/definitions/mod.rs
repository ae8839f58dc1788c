//! The calls on rooms as data: drafts, and what becomes of them.
//!
//! Guarantees:
//! - what is published fits the edge's file and the other rooms, by the rules of `fairgate config check`
//! - from the time on at which a sale opens, what fans rely on stays as it was published
//! - nobody overwrites what they have not seen, where they say what that is

mod publish;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Admin;
use super::access::Caller;
use super::body::{JsonBody, QueryOf};
use super::problem::Problem;
use super::rooms::How;
use crate::config::Role;
use crate::definitions::{Book, Kind, TEXT_BYTES_MAX, is_name};
use fairgate_core::fields;
use fairgate_problem::ProblemDetails;

pub(super) use publish::{archived, discarded, drafted, published};
pub use state::{CheckedDefinition, DefinedRoom, DefinitionState, Definitions, ManagedBy, Mistake, WrittenDefinition};
pub(super) use state::{check, definition, definitions};

/// The TOML of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DefinitionText {
    /// One `[[room]]`, at most 12 KiB. It names no file, variable or server of its own.
    pub toml: String,
}

/// What became of a definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DefinitionChanged {
    /// True if nothing was changed, and this only says what would change.
    pub dry_run: bool,
    /// The name of the change in the audit log; null where nothing was changed.
    #[serde(default)]
    pub id: Option<String>,
    /// What is wrong with the text; only a draft may have mistakes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<Mistake>,
    /// What is unusual about it, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How the definition stands now.
    pub definition: DefinitionState,
}

/// What a request says that its sender has seen of a definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SeenDefinition(pub(super) Option<String>);

impl<S: Sync> axum::extract::FromRequestParts<S> for SeenDefinition {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(match fields::first(&parts.headers, &IF_MATCH) {
            None | Some(b"*") => Self(None),
            // What cannot be read matches nothing.
            Some(tag) => Self(Some(String::from_utf8_lossy(tag).trim_matches('"').to_owned())),
        })
    }
}

/// List the rooms that are defined: those of the edge's file, those that are data, and drafts.
#[utoipa::path(get, path = "/api/v1/definitions", tag = "definitions", security(("token" = [])),
    responses((status = 200, body = Definitions), (status = "default", body = ProblemDetails)))]
pub(super) async fn list(State(admin): State<Admin>, _: Caller) -> Result<Json<Definitions>, Problem> {
    Ok(Json(definitions(book(&admin)?)))
}

/// Show the definition of a room: what is published, the draft, and whether it is locked. Its `ETag` is the state of both: send it
/// back as `If-Match`, and a change is refused (412) where somebody else's came first.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/definition", tag = "definitions", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name")),
    responses((status = 200, body = DefinitionState), (status = "default", body = ProblemDetails)))]
pub(super) async fn show(State(admin): State<Admin>, _: Caller, Path(room): Path<String>) -> Result<Response, Problem> {
    let state = definition(&admin, book(&admin)?, &room).await?;
    Ok(tagged(&state.tag.clone(), Json(state)))
}

/// Write the draft of a room. It may have mistakes, which are told. Nothing that fans see is changed (role organizer).
#[utoipa::path(put, path = "/api/v1/rooms/{room}/definition", tag = "definitions", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name: 1 to 40 of a-z, 0-9 and -"), How,
        ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")),
    request_body = DefinitionText,
    responses((status = 200, body = DefinitionChanged), (status = "default", body = ProblemDetails)))]
pub(super) async fn put(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(how): QueryOf<How>,
    seen: SeenDefinition,
    JsonBody(text): JsonBody<DefinitionText>,
) -> Result<Response, Problem> {
    let changed = drafted(&admin, &caller, &room, text.toml, (how.dry_run, &seen)).await?;
    Ok(tagged(&changed.definition.tag.clone(), Json(changed)))
}

/// Discard the draft of a room. What is published stays (role organizer).
#[utoipa::path(delete, path = "/api/v1/rooms/{room}/definition", tag = "definitions", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), How,
        ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")),
    responses((status = 200, body = DefinitionChanged), (status = "default", body = ProblemDetails)))]
pub(super) async fn discard(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(how): QueryOf<How>,
    seen: SeenDefinition,
) -> Result<Response, Problem> {
    let changed = discarded(&admin, &caller, &room, (how.dry_run, &seen)).await?;
    Ok(tagged(&changed.definition.tag.clone(), Json(changed)))
}

/// Check a text as the definition of a room, without writing it: every mistake with its line, key and remedy.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/check", tag = "definitions", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name")), request_body = DefinitionText,
    responses((status = 200, body = CheckedDefinition), (status = "default", body = ProblemDetails)))]
pub(super) async fn check_text(
    State(admin): State<Admin>,
    _: Caller,
    Path(room): Path<String>,
    JsonBody(text): JsonBody<DefinitionText>,
) -> Result<Json<CheckedDefinition>, Problem> {
    Ok(Json(check(&admin, book(&admin)?, named(&room)?, &text.toml)))
}

/// Publish the draft of a room: every edge serves it within a second, without a restart. Before the sale opens everything may
/// change; from then on only what fans read and how often they ask (role organizer).
#[utoipa::path(post, path = "/api/v1/rooms/{room}/publish", tag = "definitions", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), How,
        ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")),
    responses((status = 200, body = DefinitionChanged), (status = "default", body = ProblemDetails)))]
pub(super) async fn publish(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(how): QueryOf<How>,
    seen: SeenDefinition,
) -> Result<Response, Problem> {
    let changed = published(&admin, &caller, &room, (how.dry_run, &seen)).await?;
    Ok(tagged(&changed.definition.tag.clone(), Json(changed)))
}

/// Archive a room that is not open, or whose sale is over and nobody is inside: no edge serves it any more. It can be published
/// again (role organizer).
#[utoipa::path(post, path = "/api/v1/rooms/{room}/archive", tag = "definitions", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), How,
        ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")),
    responses((status = 200, body = DefinitionChanged), (status = "default", body = ProblemDetails)))]
pub(super) async fn archive(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(how): QueryOf<How>,
    seen: SeenDefinition,
) -> Result<Response, Problem> {
    let changed = archived(&admin, &caller, &room, (how.dry_run, &seen)).await?;
    Ok(tagged(&changed.definition.tag.clone(), Json(changed)))
}

/// The edge's file with the published room behind it, as one file that `fairgate config check` accepts (role organizer).
#[utoipa::path(get, path = "/api/v1/rooms/{room}/export", tag = "definitions", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name")),
    responses((status = 200, body = String, content_type = "application/toml"), (status = "default", body = ProblemDetails)))]
pub(super) async fn export_room(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<Response, Problem> {
    caller.require(Role::Organizer)?;
    let book = book(&admin)?;
    let is_published = book.record(Kind::Room, &room).is_some_and(|record| !record.is_gone);
    if !is_published && !book.is_of_file(&room) {
        return Err(Problem::NoDefinition(room));
    }
    Ok(as_file(book.export(Some(&room))))
}

/// The edge's file with all published rooms behind it, as one file that `fairgate config check` accepts (role organizer).
#[utoipa::path(get, path = "/api/v1/export", tag = "definitions", security(("token" = [])),
    responses((status = 200, body = String, content_type = "application/toml"), (status = "default", body = ProblemDetails)))]
pub(super) async fn export(State(admin): State<Admin>, caller: Caller) -> Result<Response, Problem> {
    caller.require(Role::Organizer)?;
    Ok(as_file(book(&admin)?.export(None)))
}

/// The edge's file, as browsers save it.
pub(super) fn as_file(text: String) -> Response {
    let fields = [
        (CONTENT_TYPE, HeaderValue::from_static("application/toml")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"fairgate.toml\"")),
    ];
    (fields, text).into_response()
}

fn tagged(tag: &str, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    if let Ok(tag) = HeaderValue::try_from(format!("\"{tag}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

pub(super) fn book(admin: &Admin) -> Result<&Arc<Book>, Problem> {
    admin.definitions.as_ref().ok_or(Problem::NoDefinitions)
}

fn named(room: &str) -> Result<&str, Problem> {
    match is_name(room) {
        true => Ok(room),
        false => Err(Problem::Value {
            key: "name",
            reason: format!("{room:?} cannot stand in URLs and cookies; use 1 to 40 of a-z, 0-9 and -"),
        }),
    }
}

fn bounded(text: String) -> Result<String, Problem> {
    match text.len() <= TEXT_BYTES_MAX {
        true => Ok(text),
        false => Err(Problem::Value {
            key: "toml",
            reason: format!(
                "has {} bytes, and a room has at most {TEXT_BYTES_MAX}: put it into the edge's file",
                text.len()
            ),
        }),
    }
}
