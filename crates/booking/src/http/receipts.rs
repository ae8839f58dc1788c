//! `POST /bookings/{number}`: a booking after the visit, for whoever can prove that it is theirs. Needs no pass: the gate
//! leaves `/bookings` open.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::input::{client_of, read_json};
use super::problem::Problem;
use super::refused::{BadBody, Refused};
use crate::bookings::receipts::{Proof, Receipt, ReceiptError};
use crate::mail_address::read_address;
use fairgate_problem::ProblemDetails;

const PROOF_CHARS_MAX: usize = 254;

/// What shows that a booking is the fan's own: the key in its address, or the mail address that was given when it was paid.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceiptRequest {
    /// What stands behind the `#` of the booking's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// The mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "fan@example.com")]
    pub(super) email: Option<String>,
}

/// A booking by its number, with a proof that it is the fan's own.
#[utoipa::path(
    post, path = "/bookings/{number}", tag = "receipts", request_body = ReceiptRequest,
    params(("number" = String, Path, description = "The booking's number")),
    responses(
        (status = 200, body = Receipt),
        (status = 404, body = ProblemDetails, content_type = "application/problem+json", description = "No booking with this number and this proof"),
        (status = 429, body = ProblemDetails, content_type = "application/problem+json", description = "Too many tries"),
        BadBody, Refused<503>,
    ),
)]
pub(super) async fn find(
    State(app): State<Arc<App>>,
    Path(number): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let proof = read_proof(read_json(&headers, body)?)?;
    let client = client_of(&headers);
    let now_us = app.clock.now_ms().saturating_mul(1000);
    let receipt = app.receipts.find(&app.bookings, &number, &proof, client, now_us).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(receipt)).into_response())
}

fn read_proof(asked: ReceiptRequest) -> Result<Proof, Problem> {
    let (field, proof) = match (asked.key, asked.email) {
        (Some(key), None) => ("key", Proof::Key(key)),
        (None, Some(email)) => ("email", Proof::Email(read_address(&email).unwrap_or(email).trim().to_lowercase())),
        _ => return Err(Problem::invalid("key", "Send either `key` or `email`.")),
    };
    let (Proof::Key(text) | Proof::Email(text)) = &proof;
    if text.is_empty() || text.len() > PROOF_CHARS_MAX {
        return Err(Problem::invalid(field, format!("1 to {PROOF_CHARS_MAX} characters, please.")));
    }
    Ok(proof)
}

impl From<ReceiptError> for Problem {
    fn from(error: ReceiptError) -> Self {
        match error {
            ReceiptError::NotFound => {
                let detail = "There is no booking with this number that this opens. Check the number, and the mail \
                              address that was given when it was paid.";
                Self::new(StatusCode::NOT_FOUND, "unknown-booking", "Not found", detail).with("field", "number")
            }
            ReceiptError::TooMany { retry_after_s } => Self::too_many_tries(retry_after_s),
            ReceiptError::Database(error) => error.into(),
        }
    }
}
