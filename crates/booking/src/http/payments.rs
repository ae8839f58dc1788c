//! `POST /api/v1/bookings/{id}/payment`: takes the money once and confirms once.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue};
use jiff::tz::TimeZone;

use super::App;
use super::auth::Fan;
use super::input::{booking_id, fingerprint_of, id_of_key, read_json, replay};
use super::problem::Problem;
use super::refused::{BadBody, Refused};
use super::requests::PaymentRequest;
use crate::bookings::answer::BookingAnswer;
use crate::mail_address::read_address;
use crate::payment::{Order, PayError, StoredAnswer};
use fairgate_problem::ProblemDetails;

/// Tells the edge that the fan is done, so that somebody else is let in.
pub(super) const RELEASE_HEADER: &str = "x-fairgate-release";
const TOKEN_CHARS_MAX: usize = 256;
/// The longest name of a zone.
const ZONE_CHARS_MAX: usize = 64;

/// Pays a booking.
#[utoipa::path(
    post, path = "/api/v1/bookings/{booking}/payment", tag = "bookings", request_body = PaymentRequest,
    params(
        ("booking" = String, Path, description = "The booking's id"),
        ("Idempotency-Key" = String, Header, description = "Fresh and random for each attempt to pay; the same for retries"),
    ),
    security(("pass" = []), ("bearer" = [])),
    responses(
        (status = 200, body = BookingAnswer, description = "Confirmed; `X-Fairgate-Release: 1` frees the fan's place inside",
            headers(("x-fairgate-release" = String, description = "`1`"))),
        (status = 402, body = ProblemDetails, content_type = "application/problem+json", description = "Declined; the seats are still held"),
        (status = 409, body = ProblemDetails, content_type = "application/problem+json", description = "The seats are gone (and the money was given back), paid already, cancelled, under way, or declined too often"),
        BadBody, Refused<401>, Refused<404>, Refused<503>,
    ),
)]
pub(super) async fn pay(
    State(app): State<Arc<App>>,
    Path(booking): Path<String>,
    fan: Fan,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let asked: PaymentRequest = read_json(&headers, body)?;
    let booking_id = booking_id(&booking)?;
    let payment_id = id_of_key(&headers, "payment", &fan.session)?;
    if asked.payment_token.is_empty() || asked.payment_token.len() > TOKEN_CHARS_MAX {
        return Err(Problem::invalid("payment_token", format!("1 to {TOKEN_CHARS_MAX} characters, please.")));
    }
    let email = asked
        .email
        .as_deref()
        .map(read_address)
        .transpose()
        .map_err(|wrong| Problem::invalid("email", wrong.to_string()))?;
    let fingerprint = fingerprint_of(&[
        booking_id.as_bytes(),
        asked.payment_token.as_bytes(),
        email.as_deref().unwrap_or_default().as_bytes(),
    ]);
    if let Some((first, answer)) = app.refusals.get(&payment_id) {
        return if first == fingerprint { Ok(replay(&answer)) } else { Err(Problem::other_request()) };
    }
    let zone = asked.time_zone.filter(|zone| zone.len() <= ZONE_CHARS_MAX && TimeZone::get(zone).is_ok());
    let (session, token) = (fan.session, asked.payment_token);
    let order = Order { payment_id, booking_id, session, fingerprint, token, email, zone };
    let answer = to_its_end(app, order).await?;
    let mut response = replay(&answer);
    if answer.status.is_success() {
        response.headers_mut().insert(RELEASE_HEADER, HeaderValue::from_static("1"));
    }
    Ok(response)
}

/// Pays whether or not the fan still listens: a connection that breaks must not stop a payment half-way.
async fn to_its_end(app: Arc<App>, order: Order) -> Result<StoredAnswer, Problem> {
    let guard = app.in_progress.enter(order.payment_id).ok_or_else(Problem::in_progress)?;
    let paid = tokio::spawn(async move {
        let _guard = guard;
        match app.cashier.pay(&order).await {
            Err(refused @ (PayError::Paid | PayError::Cancelled | PayError::Gone | PayError::TooOften)) => {
                let answer = Problem::from(refused).stored();
                app.refusals.insert(order.payment_id, (order.fingerprint, Arc::new(answer.clone())));
                Ok(answer)
            }
            paid => paid,
        }
    });
    match paid.await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Problem::busy("The payment was interrupted. Ask again with the same Idempotency-Key.")),
    }
}
