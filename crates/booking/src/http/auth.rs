//! The fan behind a request, known by the pass.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use http::request::Parts;

use super::App;
use super::input::client_of;
use super::problem::Problem;
use crate::passes::AuthError;
use crate::traces::HoldTrace;
use fairgate_core::fields::bearer;
use fairgate_token::PassError;

/// What the edge puts the pass into.
const PASS_HEADER: HeaderName = HeaderName::from_static("x-fairgate-pass");

/// A fan who was let in.
#[derive(Clone, Debug)]
pub(super) struct Fan {
    /// The session of the pass: one place of one draw.
    pub(super) session: String,
    /// True if the session has ended, although the pass is good. Seats that the fan holds can be paid for, and no more
    /// are sold.
    has_ended: bool,
    /// How old the pass is, where it is the first one of its session.
    first_pass_age_ms: Option<i32>,
}

impl Fan {
    /// The fan whose pass came with a request, put there by the edge or as a bearer token.
    pub(super) async fn of(app: &Arc<App>, headers: &HeaderMap) -> Result<Self, Problem> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let checked = match text(PASS_HEADER).or_else(|| bearer(text(AUTHORIZATION)?.as_bytes())) {
            Some(token) => app.passes.check(token, &*app.clock).await,
            None => Err(AuthError::Missing),
        };
        match checked {
            Ok(pass) => Ok(Self {
                session: pass.session.to_string(),
                has_ended: app.ended.has(&pass),
                first_pass_age_ms: app.passes.age_of_first(&pass, &*app.clock),
            }),
            Err(error) => {
                app.metrics.count_refused_pass();
                app.passes.note_refusal(&error);
                Err(error.into())
            }
        }
    }

    /// Refuses fans whose session has ended.
    pub(super) fn may_reserve(&self, app: &App) -> Result<(), Problem> {
        if self.has_ended {
            app.metrics.count_refused_pass();
            return Err(AuthError::Refused(PassError::Closed).into());
        }
        Ok(())
    }

    /// What a hold of this fan is compared by.
    pub(super) fn trace(&self, app: &App, headers: &HeaderMap) -> HoldTrace {
        let network = client_of(headers).and_then(|address| app.traces.network(address));
        HoldTrace { network, pass_age_ms: self.first_pass_age_ms }
    }
}

impl FromRequestParts<Arc<App>> for Fan {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        Self::of(app, &parts.headers).await
    }
}
