//! Who may organize: whoever has the token.
//!
//! Guarantees: the token is compared by keyed hashes, so neither its length nor its content shows in the time it
//! takes. The token is not kept in memory.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use http::header::AUTHORIZATION;
use ring::hmac;

use crate::http::App;
use crate::http::problem::Problem;
use fairgate_core::fields;

const TOKEN_BYTES_MIN: usize = 16;

/// The organizer's token.
#[derive(Clone, Debug)]
pub struct OrganizerToken {
    key: hmac::Key,
    tag: hmac::Tag,
}

/// The token is too short to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the organizer's token needs at least {TOKEN_BYTES_MIN} characters; make one with `openssl rand -hex 32`")]
pub struct TokenTooShort;

impl OrganizerToken {
    /// Takes a token.
    ///
    /// # Errors
    /// [`TokenTooShort`].
    ///
    /// # Panics
    /// When the system has no randomness.
    pub fn new(token: &str) -> Result<Self, TokenTooShort> {
        if token.len() < TOKEN_BYTES_MIN {
            return Err(TokenTooShort);
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &fairgate_telemetry::entropy::system())
            .expect("the system has randomness");
        Ok(Self { tag: hmac::sign(&key, token.as_bytes()), key })
    }

    fn is(&self, token: &str) -> bool {
        hmac::verify(&self.key, token.as_bytes(), self.tag.as_ref()).is_ok()
    }
}

/// Lets a request through if it has the token.
pub(super) async fn require_token(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(known) = &app.organizer else {
        let detail = "The organizer's API is closed: start the core with FAIRGATE_ORGANIZER_TOKEN in its environment.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "organizer-closed", "Closed", detail));
    };
    let token = fields::first(request.headers(), &AUTHORIZATION).and_then(fields::bearer);
    if token.is_some_and(|token| known.is(token)) {
        return Ok(next.run(request).await);
    }
    let detail = "Send the organizer's token as `Authorization: Bearer …`.";
    Err(Problem::new(StatusCode::UNAUTHORIZED, "organizer-token", "Not the organizer", detail))
}
