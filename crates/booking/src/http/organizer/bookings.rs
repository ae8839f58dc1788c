//! Bookings, as their organizer sees them: with every step of their payments, and a way to give the money back.

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
use uuid::Uuid;

use crate::bookings::Step;
use crate::bookings::answer::BookingAnswer;
use crate::bookings::review::Review;
use crate::http::App;
use crate::http::input::{fingerprint_of, id_of_key, read_json, replay};
use crate::http::problem::Problem;
use crate::http::refused::{BadBody, Refused};
use crate::payment::{CancelOrder, Cancelled};
use fairgate_problem::ProblemDetails;

const REASON_CHARS_MAX: usize = 200;

/// `POST …/cancel`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// Why, for the payment's steps.
    #[schema(example = "the concert was called off")]
    pub reason: String,
}

/// A booking and what became of its payments.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BookingHistory {
    /// The booking.
    pub booking: BookingAnswer,
    /// Every step and compensation, in order.
    pub steps: Vec<PaymentStep>,
    /// Whether it is in review, where it is or was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// A step of a payment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PaymentStep {
    /// The payment.
    pub payment_id: Uuid,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What became of it: started, confirmed, declined, refunding, refunded.
    pub step: String,
    /// Who moved it on: fan, webhook, worker, organizer.
    pub by: String,
    /// Why, where there is a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl From<Step> for PaymentStep {
    fn from(Step { payment_id, at, step, by, detail }: Step) -> Self {
        Self { payment_id, at: at.to_rfc3339(), step, by, detail }
    }
}

/// A booking with the steps of its payments.
#[utoipa::path(
    get, path = "/api/v1/organizer/bookings/{booking}", tag = "bookings", security(("organizer" = [])),
    params(("booking" = String, Path, description = "The booking's id or its number")),
    responses(
        (status = 200, body = BookingHistory),
        Refused<401>, Refused<404>, Refused<503>,
    ),
)]
pub(super) async fn show(State(app): State<Arc<App>>, Path(booking): Path<String>) -> Result<Response, Problem> {
    let booking_id = app.bookings.find(&booking).await?;
    let booking = app.bookings.show(booking_id).await?.ok_or_else(|| Problem::not_found("booking"))?;
    let steps = app.bookings.steps(booking_id).await?.into_iter().map(PaymentStep::from).collect();
    let review = app.bookings.review_of(booking_id).await?;
    Ok(Json(BookingHistory { booking, steps, review }).into_response())
}

/// Cancels a booking; what was paid is given back.
#[utoipa::path(
    post, path = "/api/v1/organizer/bookings/{booking}/cancel", tag = "bookings", security(("organizer" = [])),
    params(
        ("booking" = String, Path, description = "The booking's id or its number"),
        ("Idempotency-Key" = String, Header, description = "Fresh and random for each cancellation; the same for retries"),
    ),
    request_body = CancelRequest,
    responses(
        (status = 200, body = Cancelled, description = "The seats are free, and the money is on its way back"),
        (status = 409, body = ProblemDetails, content_type = "application/problem+json", description = "The fan is just paying, or the same key is still being served"),
        BadBody, Refused<401>, Refused<404>, Refused<503>,
    ),
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Path(booking): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let asked: CancelRequest = read_json(&headers, body)?;
    let request_id = id_of_key(&headers, "cancel", "organizer")?;
    check_reason(&asked.reason)?;
    let booking_id = app.bookings.find(&booking).await?;
    let guard = app.in_progress.enter(request_id).ok_or_else(Problem::in_progress)?;
    let fingerprint = fingerprint_of(&[booking_id.as_bytes(), asked.reason.as_bytes()]);
    let order = CancelOrder { request_id, fingerprint, booking_id, reason: asked.reason };
    // To its end, whether or not the organizer still listens.
    let cancelled = tokio::spawn(async move {
        let _guard = guard;
        let cancelled = app.cashier.cancel(&order).await;
        info!(target: "audit", who = "organizer", %booking_id, reason = order.reason, "cancelled a booking");
        cancelled
    });
    let cancelled = cancelled.await.map_err(|_| Problem::busy("Cancelling was interrupted. Ask again."))?;
    Ok(replay(&cancelled?))
}

/// Refuses a reason that says nothing, or too much.
pub(super) fn check_reason(reason: &str) -> Result<(), Problem> {
    if reason.trim().is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(Problem::invalid("reason", format!("1 to {REASON_CHARS_MAX} characters, please.")));
    }
    Ok(())
}
