//! The organizer's API, on the operators' listener: events to edit, how they sell, what looks odd in it and what their doors need;
//! bookings to look at, to keep back and to cancel.
//!
//! Guarantees:
//! - nothing is told or changed without the organizer's token
//! - nobody overwrites an edit that they have not seen
//! - the same cancellation or decision again is the same answer
//!
//! Without a token in the core's environment the API is closed.

mod access;
mod bookings;
mod door;
mod events;
mod openapi;
mod review;
pub(super) mod sales;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Router, middleware};

pub use access::{OrganizerToken, TokenTooShort};
pub use bookings::{BookingHistory, CancelRequest};
pub use openapi::OrganizerApi;
pub use review::{Decision, ReviewRequest};

use crate::http::App;

const BODY_BYTES_MAX: usize = 64 * 1024;

/// The organizer's routes.
pub fn router(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/organizer/events/search", get(events::search))
        .route("/api/v1/organizer/events/{event}", get(events::show).patch(events::patch))
        .route("/api/v1/organizer/events/{event}/door", get(door::pack))
        .route("/api/v1/organizer/events/{event}/sales", get(sales::show))
        .route("/api/v1/organizer/events/{event}/sales/stream", get(sales::stream))
        .route("/api/v1/organizer/events/{event}/buyers", get(sales::buyers))
        .route("/api/v1/organizer/events/{event}/signals", get(review::signals))
        .route("/api/v1/organizer/bookings/{booking}", get(bookings::show))
        .route("/api/v1/organizer/bookings/{booking}/cancel", post(bookings::cancel))
        .route("/api/v1/organizer/bookings/{booking}/review", post(review::review))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(no_store))
        .layer(from_fn_with_state(Arc::clone(app), access::require_token))
        .route("/openapi.json", get(openapi::serve))
}

async fn no_store(request: axum::extract::Request, next: middleware::Next) -> axum::response::Response {
    let mut response = next.run(request).await;
    let no_store = http::HeaderValue::from_static("no-store");
    response.headers_mut().insert(http::header::CACHE_CONTROL, no_store);
    response
}
