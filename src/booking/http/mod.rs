//! The booking core over HTTP: what each call reads, asks and answers.

mod bookings;
mod events;
mod gate;
mod input;
mod openapi;
mod page;
mod payments;
pub mod problem;
mod reserve;
mod webhooks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::{HeaderValue, StatusCode};
use moka::sync::Cache;
use uuid::Uuid;

pub use openapi::Api;

use self::problem::Problem;
use super::bookings::Bookings;
use super::document::Document;
use super::events::Events;
use super::in_progress::InProgress;
use super::metrics::BookingMetrics;
use super::passes::Passes;
use super::payment::signature::WebhookSecret;
use super::payment::{Cashier, StoredAnswer};
use super::server::Health;
use crate::clock::Clock;

/// Enough for a request that names far too many seats to be told so.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Refusals that are remembered for their idempotency keys, and for how long. (Bookings are remembered by the tables.)
const REFUSALS_MAX: u64 = 200_000;
const REFUSAL_KEPT: Duration = Duration::from_secs(600);

/// Everything that a call may need.
pub struct Shop {
    /// The events on sale.
    pub events: Arc<Events>,
    /// The gate check.
    pub passes: Arc<Passes>,
    /// Payments.
    pub cashier: Arc<Cashier>,
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
    /// Whether the core can serve.
    pub health: Arc<Health>,
    /// Answers to refused requests, with the prints of the requests.
    pub refusals: Cache<Uuid, (Uuid, Arc<StoredAnswer>)>,
    /// The API's description.
    pub openapi: Document,
    /// The storefront.
    pub page: page::Storefront,
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

/// The storefront as it is served.
#[must_use]
pub fn storefront() -> page::Storefront {
    page::Storefront::build()
}

/// The routes.
pub fn router(shop: Arc<Shop>) -> Router {
    Router::new()
        .route("/", get(page::storefront))
        .route("/events/{event}", get(page::storefront))
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/events/{event}", get(events::show))
        .route("/api/v1/events/{event}/availability", get(events::availability))
        .route("/api/v1/bookings", get(bookings::list))
        .route("/api/v1/bookings/reserve", post(reserve::reserve))
        .route("/api/v1/bookings/{booking}", get(bookings::show))
        .route("/api/v1/bookings/{booking}", delete(bookings::cancel))
        .route("/api/v1/bookings/{booking}/payment", post(payments::pay))
        .route("/api/v1/webhooks/payment", post(webhooks::hear).layer(DefaultBodyLimit::max(webhooks::BODY_BYTES_MAX)))
        .route("/openapi.json", get(openapi::serve))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(async || Problem::not_found("resource"))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&shop), observe))
        .with_state(shop)
}

/// Whether this core can serve: 200, or 503 and what is missing.
pub async fn ready(State(shop): State<Arc<Shop>>) -> Response {
    match shop.health.missing(shop.passes.ready()) {
        None => "ready\n".into_response(),
        Some(what) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {what}\n")).into_response(),
    }
}

async fn method_not_allowed() -> Problem {
    let detail = "This resource has other methods; see /openapi.json.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
}

/// Counts and times every answer by its route.
async fn observe(State(shop): State<Arc<Shop>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let mut response = next.run(request).await;
    let call = format!("{method} {}", route.as_ref().map_or("other", MatchedPath::as_str));
    shop.metrics.observe_request(&call, response.status(), started.elapsed());
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
