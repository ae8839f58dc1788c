//! The booking core over HTTP: what each call reads, asks and answers.

mod accounts;
mod auth;
mod bookings;
pub mod connections;
mod ending;
mod events;
mod input;
mod negotiate;
mod openapi;
pub mod organizer;
mod page;
mod payments;
pub mod problem;
mod receipts;
mod refused;
mod reply;
pub mod requests;
mod reserve;
mod rush;
mod search;
mod search_page;
mod silence;
pub mod timing;
mod webhooks;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use bytes::Bytes;
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tower::ServiceExt;
use uuid::Uuid;

pub use ending::word_endings;
pub use openapi::Api;

use self::connections::Answers;
use self::organizer::OrganizerToken;
use self::problem::Problem;
use self::rush::Rush;
use crate::accounts::Accounts;
use crate::bookings::Bookings;
use crate::bookings::links::Links;
use crate::bookings::receipts::Receipts;
use crate::db::Database;
use crate::document::Document;
use crate::ended::EndedSessions;
use crate::health::Health;
use crate::in_progress::InProgress;
use crate::insight::SalesDesk;
use crate::metrics::{BookingMetrics, CallMetrics, InFlight};
use crate::passes::Passes;
use crate::payment::signature::WebhookSecret;
use crate::payment::{Cashier, StoredAnswer};
use crate::sale::on_sale::Events;
use crate::sale::queue::Timing;
use crate::search::SearchDesk;
use crate::tickets::TicketOffice;
use crate::traces::Traces;
use fairgate_telemetry::clock::Clock;

/// Where seats are reserved.
const RESERVE: &str = "/api/v1/bookings/reserve";
/// The call of [`RESERVE`] as metrics name it.
const RESERVE_CALL: &str = "POST /api/v1/bookings/reserve";
const AVAILABILITY_CALL: &str = "GET /api/v1/events/{event}/availability";
/// What the edge calls a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Enough for a request that names far too many seats to be told so.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Refusals that are remembered for their idempotency keys, and for how long. (Bookings are remembered by the tables.)
const REFUSALS_MAX: u64 = 200_000;
const REFUSAL_KEPT: Duration = Duration::from_secs(600);

/// Everything that a call may need.
pub struct App {
    /// The events on sale.
    pub events: Arc<Events>,
    /// The gate check.
    pub passes: Arc<Passes>,
    /// The sessions that ended before their passes do.
    pub ended: Arc<EndedSessions>,
    /// Payments.
    pub cashier: Arc<Cashier>,
    /// The tables, for what organizers ask.
    pub database: Database,
    /// Who may organize; nobody without it.
    pub organizer: Option<OrganizerToken>,
    /// What the provider's webhooks are signed with; none are taken without it.
    pub webhook_secret: Option<WebhookSecret>,
    /// Bookings of a session.
    pub bookings: Bookings,
    /// What is being served, by idempotency key.
    pub in_progress: Arc<InProgress>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Metrics.
    pub metrics: Arc<BookingMetrics>,
    /// Metrics of the calls that a rush is made of.
    pub calls: Calls,
    /// Readiness of the core.
    pub health: Arc<Health>,
    /// Answers to refused requests, with the fingerprints of the requests.
    pub refusals: Cache<Uuid, (Uuid, Arc<StoredAnswer>)>,
    /// The API's description.
    pub openapi: Document,
    /// The pages.
    pub pages: page::Pages,
    /// Bookings after the visit.
    pub receipts: Receipts,
    /// Tickets, and what doors are given.
    pub tickets: Arc<TicketOffice>,
    /// Accounts of buyers.
    pub accounts: Accounts,
    /// Addresses of bookings.
    pub links: Links,
    /// How events sell.
    pub sales: SalesDesk,
    /// What bookings are compared by.
    pub traces: Arc<Traces>,
    /// Where searches are asked.
    pub search: SearchDesk,
    /// How many streams about sales may still be opened.
    pub sales_streams: Arc<Semaphore>,
}

/// Who serves the two calls that a rush is made of; both decide with the same functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServedBy {
    /// hyper, without a router.
    #[default]
    Hyper,
    /// hyper and axum's router, as for every other call.
    Axum,
}

/// The metrics of the calls that a rush is made of.
#[derive(Debug)]
pub struct Calls {
    reserve: CallMetrics,
    availability: CallMetrics,
}

impl Calls {
    /// Looks them up.
    #[must_use]
    pub fn new(metrics: &BookingMetrics) -> Self {
        Self { reserve: metrics.of_call(RESERVE_CALL), availability: metrics.of_call(AVAILABILITY_CALL) }
    }
}

/// A memory for refusals.
#[must_use]
pub fn refusals() -> Cache<Uuid, (Uuid, Arc<StoredAnswer>)> {
    Cache::builder().max_capacity(REFUSALS_MAX).time_to_live(REFUSAL_KEPT).build()
}

/// The API's description as it is served.
#[must_use]
pub fn openapi_document() -> Document {
    openapi::document()
}

/// As many streams about sales as a core has at once.
#[must_use]
pub fn sales_streams() -> Arc<Semaphore> {
    organizer::sales::streams()
}

/// The pages as they are served.
#[must_use]
pub fn pages() -> page::Pages {
    page::Pages::build()
}

/// The routes.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::storefront))
        .route("/events/{event}", get(page::storefront))
        .route("/bookings", get(page::bookings))
        .route("/bookings/{number}", get(page::bookings).post(receipts::find))
        .route("/bookings/sign-in", post(accounts::ask))
        .route("/bookings/sign-in/code", post(accounts::check))
        .route("/bookings/mine", get(accounts::mine).delete(accounts::delete))
        .route("/bookings/mine/sessions/{session}", delete(accounts::end))
        .route("/api/v1/events", get(events::list))
        .route("/search", get(search_page::search))
        .route("/api/v1/events/search", get(search::search))
        .route("/api/v1/events/{event}", get(events::show))
        .route("/api/v1/events/{event}/availability", get(events::availability))
        .route("/api/v1/bookings", get(bookings::list))
        .route(RESERVE, post(reserve::by_route))
        .route("/api/v1/bookings/{booking}", get(bookings::show))
        .route("/api/v1/bookings/{booking}", delete(bookings::cancel))
        .route("/api/v1/bookings/{booking}/extend", post(bookings::extend))
        .route("/api/v1/bookings/{booking}/payment", post(payments::pay))
        .route("/api/v1/webhooks/payment", post(webhooks::hear).layer(DefaultBodyLimit::max(webhooks::BODY_BYTES_MAX)))
        .route("/openapi.json", get(openapi::serve))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(async || Problem::not_found("resource"))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(note_route))
        .with_state(app)
}

/// Readiness of this core: 200, or 503 and what is missing.
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.health.missing(app.passes.ready()) {
        None => "ready\n".into_response(),
        Some(what) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {what}\n")).into_response(),
    }
}

async fn method_not_allowed() -> Problem {
    let detail = "This resource has other methods; see /openapi.json.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
}

/// Everything that answers requests.
#[derive(Clone)]
pub struct Front(Arc<Parts>);

struct Parts {
    app: Arc<App>,
    routes: Router,
    served_by: ServedBy,
}

impl Front {
    /// The calls of a rush as `served_by` says, everything else by the routes.
    #[must_use]
    pub fn new(app: Arc<App>, served_by: ServedBy) -> Self {
        Self(Arc::new(Parts { routes: router(Arc::clone(&app)), app, served_by }))
    }
}

impl Answers for Front {
    /// The calls of a rush have theirs whole and unboxed.
    type Body = Either<Full<Bytes>, Body>;

    /// Answers, and says how the core feels.
    async fn answer(&self, request: Request<Incoming>) -> Response<Self::Body> {
        let Parts { app, routes, served_by } = &*self.0;
        let started = Instant::now();
        let in_flight = app.metrics.enter();
        let rush = Rush::of(request.method(), request.uri().path()).filter(|_| *served_by == ServedBy::Hyper);
        match rush {
            Some(rush) => rush.answer(app, request, started, &in_flight).await.map(Either::Left),
            None => routed(app, routes.clone(), request, started, &in_flight).await.map(Either::Right),
        }
    }
}

/// Answers by the routes.
async fn routed(
    app: &App,
    routes: Router,
    request: Request<Incoming>,
    started: Instant,
    in_flight: &InFlight,
) -> Response {
    let id = request.headers().get(REQUEST_ID).cloned();
    let (call, mut response) = by_route(routes, request.map(Body::new)).await;
    let took = started.elapsed();
    app.metrics.observe_request(&call, response.status(), took);
    note_request(&call, response.status(), id.as_ref());
    let waited = response.extensions().get().copied();
    stamp(response.headers_mut(), took, in_flight, waited.as_ref());
    response
}

/// What every answer says.
fn stamp(headers: &mut HeaderMap, took: Duration, in_flight: &InFlight, waited: Option<&Timing>) {
    headers.insert(timing::SERVER_TIMING, timing::server_timing(took, in_flight.requests(), waited));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// One line for whatever moves money or gives seats back, with the name that the edge gave the request; and for what went wrong.
fn note_request(call: &str, status: StatusCode, request_id: Option<&HeaderValue>) {
    if call.starts_with("GET ") || call == RESERVE_CALL {
        note_failure(call, status, request_id);
    } else {
        tracing::info!(request_id = request_id.map(plain), call, status = status.as_u16(), "answered");
    }
}

/// A rush has too many of them to be told without being asked.
fn note_failure(call: &str, status: StatusCode, request_id: Option<&HeaderValue>) {
    if status.is_server_error() {
        tracing::debug!(request_id = request_id.map(plain), call, status = status.as_u16(), "not served");
    }
}

/// A request's name as far as a log should have it; a client that goes around the edge may send anything.
fn plain(id: &HeaderValue) -> &str {
    let id = id.to_str().unwrap_or("odd");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if id.len() <= 64 && id.bytes().all(is_plain) { id } else { "odd" }
}

/// Answers by the routes; says which one it was, as metrics name it.
async fn by_route(routes: Router, request: Request) -> (Cow<'static, str>, Response) {
    let method = request.method().clone();
    let request = match input::take_in(request).await {
        Ok(request) => request,
        Err(problem) => return ("other".into(), problem.into_response()),
    };
    let response = routes.oneshot(request).await.unwrap_or_else(|never| match never {});
    let route = response.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str);
    (format!("{method} {route}").into(), response)
}

/// Leaves the route's pattern on the answer.
async fn note_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}
