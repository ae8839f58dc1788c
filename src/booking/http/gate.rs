//! The fan behind a request, known by the pass.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::super::passes::GateError;
use super::Shop;
use super::problem::Problem;

/// What the edge puts the pass into.
const PASS_HEADER: &str = "x-fairgate-pass";

/// A fan who was let in.
#[derive(Clone, Debug)]
pub(super) struct Fan {
    /// The session of the pass: one place of one draw.
    pub(super) session: String,
}

impl Fan {
    /// The fan whose pass came with a request.
    pub(super) async fn of(shop: &Arc<Shop>, headers: &HeaderMap) -> Result<Self, Problem> {
        let checked = match token(headers) {
            Some(token) => shop.passes.check(token, &*shop.clock).await,
            None => Err(GateError::Missing),
        };
        match checked {
            Ok(pass) => Ok(Self { session: pass.session.to_string() }),
            Err(error) => {
                shop.metrics.count_refused_pass();
                Err(error.into())
            }
        }
    }
}

impl FromRequestParts<Arc<Shop>> for Fan {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shop: &Arc<Shop>) -> Result<Self, Problem> {
        Self::of(shop, &parts.headers).await
    }
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let from_edge = headers.get(PASS_HEADER).and_then(|value| value.to_str().ok());
    from_edge.or_else(|| {
        let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    })
}
