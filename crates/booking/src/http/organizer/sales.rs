//! How an event sells, as its organizer asks it: once, or as a stream of server-sent events.
//!
//! Guarantees:
//! - a stream says something at most once a second, and only what is news
//! - streams are bounded: one too many is refused, and none keeps a core from ending

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use super::events::find;
use crate::http::App;
use crate::http::problem::Problem;
use crate::http::refused::Refused;
use crate::insight::{Buyers, Sales};

/// Streams of one core at the same time.
pub(in crate::http) const STREAMS_MAX: usize = 64;
/// Between two looks of a stream.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between two messages of a stream.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How an event sells: seats and money, pace, when it is sold out, and what becomes of holds and payments.
#[utoipa::path(
    get, path = "/api/v1/organizer/events/{event}/sales", tag = "events", security(("organizer" = [])),
    params(("event" = String, Path, description = "The event's id")),
    responses((status = 200, body = Sales), Refused<401>, Refused<404>, Refused<503>),
)]
pub(super) async fn show(State(app): State<Arc<App>>, Path(event): Path<String>) -> Result<Response, Problem> {
    Ok(Json(look(&app, &event).await?).into_response())
}

/// Who buys: how many seats fans have, and what another limit would have changed. It counts every fan, so it is asked now and then.
#[utoipa::path(
    get, path = "/api/v1/organizer/events/{event}/buyers", tag = "events", security(("organizer" = [])),
    params(("event" = String, Path, description = "The event's id")),
    responses((status = 200, body = Buyers), Refused<401>, Refused<404>, Refused<503>),
)]
pub(super) async fn buyers(State(app): State<Arc<App>>, Path(event): Path<String>) -> Result<Response, Problem> {
    let seat_map = find(&app, &event).await?;
    let buyers = app.sales.buyers(&seat_map.facts).await?;
    Ok(Json(buyers.ok_or_else(not_counted)?).into_response())
}

/// How an event sells as server-sent events, whenever it is news, and at most once a second. Each `data` is one answer of `…/sales`.
#[utoipa::path(
    get, path = "/api/v1/organizer/events/{event}/sales/stream", tag = "events", security(("organizer" = [])),
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, body = Sales, content_type = "text/event-stream"),
        Refused<401>, Refused<404>, Refused<503>,
    ),
)]
pub(super) async fn stream(State(app): State<Arc<App>>, Path(event): Path<String>) -> Result<Response, Problem> {
    let permit = Arc::clone(&app.sales_streams).try_acquire_owned().map_err(|_| too_many())?;
    look(&app, &event).await?;
    let told = unfold(Told { app, event, last: None, _permit: permit }, |mut told| async move {
        let sales = told.next().await;
        Some((Ok::<_, Infallible>(sales), told))
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::default()).into_response())
}

/// The semaphore of a core's streams.
pub(in crate::http) fn streams() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(STREAMS_MAX))
}

/// What a stream has told.
struct Told {
    app: Arc<App>,
    event: String,
    last: Option<Sales>,
    _permit: OwnedSemaphorePermit,
}

impl Told {
    /// The next news.
    async fn next(&mut self) -> Event {
        if self.last.is_some() {
            sleep(TELL_EVERY).await;
        }
        loop {
            // A database that is away is waited for; whoever listens hears comments meanwhile.
            if let Ok(sales) = look(&self.app, &self.event).await
                && self.is_news(&sales)
            {
                let event = Event::default().json_data(&sales).unwrap_or_default();
                self.last = Some(sales);
                return event;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// True if anything but the time is another one.
    fn is_news(&self, sales: &Sales) -> bool {
        let Some(last) = &self.last else { return true };
        let timeless = |sales: &Sales| Sales { at: String::new(), behind_seconds: 0, sold_out: None, ..sales.clone() };
        timeless(last) != timeless(sales)
    }
}

async fn look(app: &App, event: &str) -> Result<Sales, Problem> {
    let desk = app.events.desk(event).await?.ok_or_else(|| Problem::not_found("event"))?;
    let seat_map = desk.state.seat_map();
    let sales = app.sales.sales(&seat_map, |units| desk.state.stock(units)).await?;
    sales.ok_or_else(not_counted)
}

pub(super) fn not_counted() -> Problem {
    let detail = "No core counts sales: start one without `--without insight`.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-counted", "Not counted", detail)
}

fn too_many() -> Problem {
    let detail = format!("{STREAMS_MAX} streams are open at this core. Close one, or ask another core.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-streams", "Too many streams", detail)
}
