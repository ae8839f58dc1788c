//! `POST /api/v1/webhooks/payment`: the provider tells what became of a payment, as often as it likes and in any order.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::App;
use super::input::read_json;
use super::problem::Problem;
use super::refused::BadBody;
use crate::payment::api::WebhookEvent;
use crate::payment::signature::{SIGNATURE_HEADER, SignatureError};
use fairgate_problem::ProblemDetails;

/// Larger than any event, smaller than what an unsigned sender should make us read.
pub(super) const BODY_BYTES_MAX: usize = 16 * 1024;

/// Hears what the payment provider tells. Signed with `Fairgate-Signature: t=<Unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`.
#[utoipa::path(
    post, path = "/api/v1/webhooks/payment", tag = "provider",
    params(("Fairgate-Signature" = String, Header, description = "`t=<Unix seconds>,v1=<hex>`, not older than 5 minutes")),
    request_body(content = Object, description = "`{id, type, charge}`; a copy changes nothing"),
    responses(
        (status = 204, description = "Heard, now or before"),
        (status = 401, body = ProblemDetails, content_type = "application/problem+json", description = "The signature is missing, old or wrong"),
        (status = 404, body = ProblemDetails, content_type = "application/problem+json", description = "No such payment, or webhooks are not set up"),
        (status = 503, body = ProblemDetails, content_type = "application/problem+json", description = "Send it again"),
        BadBody,
    ),
)]
pub(super) async fn hear(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let secret = app.webhook_secret.as_ref().ok_or_else(|| Problem::not_found("resource"))?;
    let signature = headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok()).unwrap_or("");
    if let Ok(body) = &body {
        secret.verify(signature, app.clock.now_ms() / 1000, body)?;
    }
    let event: WebhookEvent = read_json(&headers, body)?;
    // To its end, whether or not the provider still listens.
    let heard = tokio::spawn(async move { app.cashier.hear_event(event).await });
    heard.await.map_err(|_| Problem::busy("Hearing the event was interrupted. Send it again."))??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl From<SignatureError> for Problem {
    fn from(error: SignatureError) -> Self {
        let detail = format!("The event is not believed: {error}.");
        Self::new(StatusCode::UNAUTHORIZED, "signature", "Not signed as it should be", detail)
            .with("field", "Fairgate-Signature")
    }
}
