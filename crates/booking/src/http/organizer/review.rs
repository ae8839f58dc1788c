//! What does not look like people who buy for themselves, and a booking that an organizer keeps back to look at it.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tracing::info;
use utoipa::ToSchema;

use super::bookings::check_reason;
use super::events::find;
use super::sales::not_counted;
use crate::bookings::review::{Review, ReviewError, ReviewOrder};
use crate::http::App;
use crate::http::input::{fingerprint_of, id_of_key, read_json, replay};
use crate::http::problem::Problem;
use crate::http::refused::{BadBody, Refused};
use crate::insight::SignalList;
use fairgate_problem::ProblemDetails;

/// What is to be done with a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Keep it back.
    Hold,
    /// It counts again.
    Release,
}

/// `POST …/review`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewRequest {
    /// What is to be done.
    pub decision: Decision,
    /// Why; kept with the booking.
    #[schema(example = "seven fans with one card")]
    pub reason: String,
}

/// The signals about an event: evidence with a score, and never a verdict.
#[utoipa::path(
    get, path = "/api/v1/organizer/events/{event}/signals", tag = "events", security(("organizer" = [])),
    params(("event" = String, Path, description = "The event's id")),
    responses((status = 200, body = SignalList), Refused<401>, Refused<404>, Refused<503>),
)]
pub(super) async fn signals(State(app): State<Arc<App>>, Path(event): Path<String>) -> Result<Response, Problem> {
    let seat_map = find(&app, &event).await?;
    let signals = app.sales.signals(&seat_map.facts).await?;
    Ok(Json(signals.ok_or_else(not_counted)?).into_response())
}

/// Keeps a booking back for review, or releases it. Its seats and its money stay as they are; cancelling it gives both back.
#[utoipa::path(
    post, path = "/api/v1/organizer/bookings/{booking}/review", tag = "bookings", security(("organizer" = [])),
    params(
        ("booking" = String, Path, description = "The booking's id or its number"),
        ("Idempotency-Key" = String, Header, description = "Fresh and random for each decision; the same for retries"),
    ),
    request_body = ReviewRequest,
    responses(
        (status = 200, body = Review),
        (status = 409, body = ProblemDetails, content_type = "application/problem+json", description = "The same key is still being served"),
        BadBody, Refused<401>, Refused<404>, Refused<503>,
    ),
)]
pub(super) async fn review(
    State(app): State<Arc<App>>,
    Path(booking): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let asked: ReviewRequest = read_json(&headers, body)?;
    let request_id = id_of_key(&headers, "review", "organizer")?;
    check_reason(&asked.reason)?;
    let booking_id = app.bookings.find(&booking).await?;
    let _guard = app.in_progress.enter(request_id).ok_or_else(Problem::in_progress)?;
    let held = asked.decision == Decision::Hold;
    let fingerprint = fingerprint_of(&[booking_id.as_bytes(), &[u8::from(held)], asked.reason.as_bytes()]);
    let order = ReviewOrder { request_id, fingerprint, booking_id, held, reason: asked.reason };
    let answer = app.bookings.review(&order).await?;
    let decision = if held { "hold" } else { "release" };
    info!(target: "audit", who = "organizer", %booking_id, decision, reason = order.reason, "reviewed a booking");
    Ok(replay(&answer))
}

impl From<ReviewError> for Problem {
    fn from(error: ReviewError) -> Self {
        match error {
            ReviewError::NotFound => Self::not_found("booking"),
            ReviewError::OtherRequest => Self::other_request(),
            ReviewError::Database(error) => error.into(),
        }
    }
}
