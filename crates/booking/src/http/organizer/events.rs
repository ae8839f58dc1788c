//! Events, as their organizer edits them: each answer carries its version as `ETag`, each edit names the one it is based on.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use tracing::info;

use crate::events::answer::EventAnswer;
use crate::events::edit::{EditError, EventPatch, Misfit, edit};
use crate::events::seat_map::SeatMap;
use crate::http::App;
use crate::http::input::read_json;
use crate::http::problem::Problem;
use crate::http::refused::{BadBody, Refused};
use crate::search::{Question, SearchAnswer};
use fairgate_problem::ProblemDetails;

/// An event, with its version as `ETag`.
#[utoipa::path(
    get, path = "/api/v1/organizer/events/{event}", tag = "events", security(("organizer" = [])),
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, body = EventAnswer, headers(("etag" = String, description = "The version, for `If-Match`"))),
        Refused<401>, Refused<404>,
    ),
)]
pub(super) async fn show(State(app): State<Arc<App>>, Path(event): Path<String>) -> Result<Response, Problem> {
    Ok(answer(&*find(&app, &event).await?))
}

/// Finds events as fans do: the same words and filters as the public call, and the same answer.
#[utoipa::path(
    get, path = "/api/v1/organizer/events/search", tag = "events", security(("organizer" = [])),
    params(("q" = Option<String>, Query, description = "Words, as for the public call; its filters are understood, too")),
    responses((status = 200, body = SearchAnswer), Refused<401>, Refused<422>, Refused<503>),
)]
pub(super) async fn search(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let question = Question::read(query.as_deref().unwrap_or_default())?;
    Ok(Json(&app.search.ask(&question).await?.answer).into_response())
}

/// Changes what is named, and nothing else. What is held or sold keeps its price.
#[utoipa::path(
    patch, path = "/api/v1/organizer/events/{event}", tag = "events", security(("organizer" = [])),
    params(
        ("event" = String, Path, description = "The event's id"),
        ("If-Match" = String, Header, description = "The `ETag` of the version that was edited"),
    ),
    request_body = EventPatch,
    responses(
        (status = 200, body = EventAnswer, headers(("etag" = String, description = "The new version"))),
        (status = 412, body = ProblemDetails, content_type = "application/problem+json", description = "Somebody has edited it since: look again"),
        (status = 428, body = ProblemDetails, content_type = "application/problem+json", description = "No `If-Match`"),
        BadBody, Refused<401>, Refused<404>, Refused<503>,
    ),
)]
pub(super) async fn patch(
    State(app): State<Arc<App>>,
    Path(event): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let seat_map = find(&app, &event).await?;
    let known = headers.get(IF_MATCH).ok_or_else(no_version)?;
    let patch: EventPatch = read_json(&headers, body)?;
    if *known != etag(seat_map.facts.version) {
        return Err(EditError::OtherVersion.into());
    }
    edit(&seat_map, &patch)?.write(&app.database).await?;
    info!(target: "audit", who = "organizer", event, patch = %serde_json::json!(patch), "changed an event");
    app.events.take_over(&[seat_map.facts.event_id]).await?;
    Ok(answer(&*find(&app, &event).await?))
}

pub(super) async fn find(app: &App, event: &str) -> Result<Arc<SeatMap>, Problem> {
    app.events.seat_map(event).await?.ok_or_else(|| Problem::not_found("event"))
}

fn answer(seat_map: &SeatMap) -> Response {
    ([(ETAG, etag(seat_map.facts.version))], Json(EventAnswer::new(seat_map))).into_response()
}

fn etag(version: i64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"v{version}\"")).expect("a number in quotes")
}

fn no_version() -> Problem {
    let detail = "Say which version you edit: send its ETag as If-Match, so that nobody's edit is lost.";
    Problem::new(StatusCode::PRECONDITION_REQUIRED, "if-match-missing", "No If-Match", detail).with("field", "If-Match")
}

impl From<Misfit> for Problem {
    fn from(misfit: Misfit) -> Self {
        Self::invalid(&misfit.field, misfit.detail)
    }
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        match error {
            EditError::OtherVersion => {
                let detail = "Somebody has edited this event since. Look at it again, and edit that.";
                Self::new(StatusCode::PRECONDITION_FAILED, "other-version", "Edited meanwhile", detail)
                    .with("field", "If-Match")
            }
            EditError::Database(error) => error.into(),
        }
    }
}
