//! Events, sections, prices, and which seats are free: the same for everybody. After the first question about an event's seats
//! none is a query.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::HeaderMap;
use utoipa::IntoParams;

use super::problem::Problem;
use super::refused::Refused;
use super::{App, negotiate};
use crate::events::answer::{EventAnswer, EventList};
use crate::sale::availability::Snapshot;
use crate::sale::catalogue::Place;
use crate::sale::on_sale::PAGE_MAX;
use fairgate_problem::ProblemDetails;

/// Which page of the list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes the query, which is read by hand so that mistakes are problems")]
pub(super) struct ListQuery {
    /// The `next` of the page before; the first page without it.
    cursor: Option<String>,
    /// Events on a page.
    #[param(minimum = 1, maximum = 1000, default = 1000)]
    limit: Option<usize>,
}

/// The events on sale, the next one first: up to 1,000, and `next` where there are more. Ask again with `cursor=` and that
/// value for the page after. Cacheable for a second, with an ETag.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", params(ListQuery),
    responses(
        (status = 200, body = EventList),
        (status = 304, description = "They are as you know them"),
        (status = 422, body = ProblemDetails, content_type = "application/problem+json", description = "A `limit` out of range, or a `cursor` that no list gave"),
    ),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (after, limit) = read_query(query.as_deref().unwrap_or_default())?;
    Ok(negotiate::answer(&*app.events.page(after, limit).await?, &headers))
}

fn read_query(query: &str) -> Result<(Option<Place>, usize), Problem> {
    let (mut after, mut limit) = (None, PAGE_MAX);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "cursor" => {
                let place = Place::read(&value);
                after =
                    Some(place.map_err(|wrong| Problem::invalid("cursor", format!("{wrong}; begin without one.")))?);
            }
            "limit" => {
                let fits = value.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
                limit = fits.ok_or_else(|| Problem::invalid("limit", format!("1 to {PAGE_MAX}, please.")))?;
            }
            // Clients of old may send whatever they like: no other name had a meaning, and none has one now.
            _ => {}
        }
    }
    Ok((after, limit))
}

/// An event with its sections, rows and prices. Cacheable for a second, with an ETag.
#[utoipa::path(
    get, path = "/api/v1/events/{event}", tag = "events",
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, body = EventAnswer),
        (status = 304, description = "It is as you know it"),
        Refused<404>, Refused<503>,
    ),
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(event): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let on_sale = app.events.desk(&event).await?.ok_or_else(|| Problem::not_found("event"))?;
    Ok(negotiate::answer(&*on_sale.state.document().await?, &headers))
}

/// One bit a seat, the first seat in the lowest bit of the first byte; 1 is available. Cacheable for a second.
#[utoipa::path(
    get, path = "/api/v1/events/{event}/availability", tag = "events",
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, content_type = "application/octet-stream", description = "⌈seats / 8⌉ bytes"),
        (status = 304, description = "It is as you know it"),
        (status = 503, body = ProblemDetails, content_type = "application/problem+json", description = "Not known at this moment"),
        Refused<404>,
    ),
)]
pub(super) async fn availability(
    State(app): State<Arc<App>>,
    Path(event): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(negotiate::answer(&availability_of(&app, &event).await?.document, &headers))
}

/// Which seats are free, unless that is not known: other cores may have sold what is shown as free for too long.
pub(super) async fn availability_of(app: &App, event: &str) -> Result<Arc<Snapshot>, Problem> {
    let on_sale = app.events.desk(event).await?.ok_or_else(|| Problem::not_found("event"))?;
    if app.health.is_deaf() {
        return Err(Problem::busy("Which seats are free is not known at this moment. Ask again."));
    }
    Ok(on_sale.state.availability())
}
