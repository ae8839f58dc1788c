//! The fan behind a request, known by the pass.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::super::passes::GateError;
use super::Shop;
use super::problem::Problem;
use crate::fields::bearer;
use crate::pass::PassError;

/// What the edge puts the pass into.
const PASS_HEADER: &str = "x-fairgate-pass";

/// A fan who was let in.
#[derive(Clone, Debug)]
pub(super) struct Fan {
    /// The session of the pass: one place of one draw.
    pub(super) session: String,
    /// Whether the session has ended, although the pass is good: what the fan has can be paid for, and no more is sold.
    has_ended: bool,
}

impl Fan {
    /// The fan whose pass came with a request, put there by the edge or as a bearer token.
    pub(super) async fn of(shop: &Arc<Shop>, pass: Option<&str>, authorization: Option<&str>) -> Result<Self, Problem> {
        let checked = match pass.or_else(|| bearer(authorization?.as_bytes())) {
            Some(token) => shop.passes.check(token, &*shop.clock).await,
            None => Err(GateError::Missing),
        };
        match checked {
            Ok(pass) => Ok(Self { session: pass.session.to_string(), has_ended: shop.ended.has(&pass) }),
            Err(error) => {
                shop.metrics.count_refused_pass();
                shop.passes.note_refusal(&error);
                Err(error.into())
            }
        }
    }

    /// Refuses fans whose session has ended.
    pub(super) fn may_reserve(&self, shop: &Shop) -> Result<(), Problem> {
        if self.has_ended {
            shop.metrics.count_refused_pass();
            return Err(GateError::Refused(PassError::Closed).into());
        }
        Ok(())
    }
}

impl FromRequestParts<Arc<Shop>> for Fan {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shop: &Arc<Shop>) -> Result<Self, Problem> {
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        Self::of(shop, text(PASS_HEADER), text(AUTHORIZATION.as_str())).await
    }
}
