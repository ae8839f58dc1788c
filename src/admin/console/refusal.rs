//! What the console refuses, as a page that says what to do.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::door::see_other;
use super::render;
use crate::admin::problem::Problem;

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// What was asked for is shown to somebody who goes elsewhere first.
    To(&'static str),
    /// A page of our own words.
    Said(StatusCode, &'static str),
    /// What the admin API refuses, in its words.
    Problem(Box<Problem>),
    /// A page could not be made.
    Broken(String),
}

impl Refused {
    pub(super) fn no_console() -> Self {
        Self::Said(StatusCode::NOT_FOUND, "no_console")
    }

    pub(super) fn in_the_clear() -> Self {
        Self::Said(StatusCode::FORBIDDEN, "in_the_clear")
    }

    pub(super) fn foreign() -> Self {
        Self::Said(StatusCode::FORBIDDEN, "foreign")
    }

    pub(super) fn logged_out() -> Self {
        Self::Said(StatusCode::UNAUTHORIZED, "logged_out")
    }

    pub(super) fn used_link() -> Self {
        Self::Said(StatusCode::GONE, "used_link")
    }

    pub(super) fn too_many_views() -> Self {
        Self::Said(StatusCode::TOO_MANY_REQUESTS, "too_many_views")
    }

    pub(super) fn no_randomness() -> Self {
        Self::Broken("the system has no randomness".to_owned())
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, values) = match self {
            Self::To(path) => return see_other(path),
            Self::Said(status, key) => (status, json!({ "said": key })),
            Self::Problem(problem) => {
                let (status, title) = problem.status_and_title();
                (status, json!({ "said": null, "heading": title, "words": problem.to_string() }))
            }
            Self::Broken(why) => {
                tracing::error!(why, "a page of the console cannot be made");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        match render::page("refused.html", None, &values) {
            Ok(page) => (status, page).into_response(),
            Err(_) => status.into_response(),
        }
    }
}

/// There is nothing at this address.
pub(super) async fn not_found() -> Refused {
    Refused::Said(StatusCode::NOT_FOUND, "not_found")
}
