//! Events, sections, prices, and which seats are free: the same for everybody, and never a query.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;

use super::problem::Problem;
use super::{App, negotiate};
use crate::events::answer::{EventAnswer, EventList};
use crate::sale::availability::Snapshot;
use fairgate_problem::ProblemDetails;

/// The events on sale, the next one first. Cacheable for a second, with an ETag.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events",
    responses(
        (status = 200, body = EventList),
        (status = 304, description = "They are as you know them"),
    ),
)]
pub(super) async fn list(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    negotiate::answer(&app.events.document(), &headers)
}

/// An event with its sections, rows and prices. Cacheable for a second, with an ETag.
#[utoipa::path(
    get, path = "/api/v1/events/{event}", tag = "events",
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, body = EventAnswer),
        (status = 304, description = "It is as you know it"),
        (status = 404, body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(event): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let on_sale = app.events.find(&event).ok_or_else(|| Problem::not_found("event"))?;
    Ok(negotiate::answer(&on_sale.state.document(), &headers))
}

/// One bit a seat, the first seat in the lowest bit of the first byte; 1 is available. Cacheable for a second.
#[utoipa::path(
    get, path = "/api/v1/events/{event}/availability", tag = "events",
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, content_type = "application/octet-stream", description = "⌈seats / 8⌉ bytes"),
        (status = 304, description = "It is as you know it"),
        (status = 404, body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, body = ProblemDetails, content_type = "application/problem+json", description = "Not known at this moment"),
    ),
)]
pub(super) async fn availability(
    State(app): State<Arc<App>>,
    Path(event): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(negotiate::answer(&availability_of(&app, &event)?.document, &headers))
}

/// Which seats are free, unless that is not known: other cores may have sold what is shown as free for too long.
pub(super) fn availability_of(app: &App, event: &str) -> Result<Arc<Snapshot>, Problem> {
    let on_sale = app.events.find(event).ok_or_else(|| Problem::not_found("event"))?;
    if app.health.is_deaf() {
        return Err(Problem::busy("Which seats are free is not known at this moment. Ask again."));
    }
    Ok(on_sale.state.availability())
}
