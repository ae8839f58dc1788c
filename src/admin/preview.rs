//! A room's waiting page in each of its states, with made-up numbers, from the document and the script that fans get.
//!
//! Guarantee: a preview's policy puts it into a sandbox, so a template's script touches nothing of this listener.

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Admin;
use super::access::Caller;
use super::body::QueryOf;
use super::problem::Problem;
use super::rooms::find;
use crate::page::{PLAIN, SCRIPTED, preview};
use fairgate_problem::ProblemDetails;

/// Which state is shown, and in which language.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct PreviewQuery {
    /// The state, as `line` or, without scripts, `ns-waiting`; `line` where nothing is said.
    state: Option<String>,
    /// The tag of the language; English where there is none.
    lang: Option<String>,
}

/// Show a room's waiting page in one of its states, with made-up numbers: the document and the script that fans get.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/preview", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), PreviewQuery),
    responses((status = 200, body = String, content_type = "text/html"), (status = "default", body = ProblemDetails)))]
pub(super) async fn show(
    State(admin): State<Admin>,
    _: Caller,
    Path(room): Path<String>,
    QueryOf(query): QueryOf<PreviewQuery>,
) -> Result<Response, Problem> {
    let room = find(&admin, &room)?;
    shown(&admin, &room.name, query.state.as_deref().unwrap_or("line"), query.lang.as_deref().unwrap_or("en")).await
}

/// The preview of a state.
pub(super) async fn shown(admin: &Admin, room: &str, state: &str, lang: &str) -> Result<Response, Problem> {
    let unknown = |what: String| Problem::Value { key: "state", reason: what };
    let input = (admin.page)(room).ok_or_else(|| unknown("this edge does not have the room's page".to_owned()))?;
    let (named, lang) = (state.to_owned(), lang.to_owned());
    let made = tokio::task::spawn_blocking(move || preview(&input, &named, &lang)).await;
    let made = made.map_err(|error| unknown(error.to_string()))?.map_err(|error| unknown(error.to_string()))?;
    let page = made.ok_or_else(|| {
        let known = SCRIPTED.iter().chain(&PLAIN).copied().collect::<Vec<_>>().join(", ");
        unknown(format!("{state:?} is none; there are {known}"))
    })?;
    let kind = (CONTENT_TYPE, "text/html; charset=utf-8");
    let headers = [kind, (CACHE_CONTROL, "no-store"), (CONTENT_LANGUAGE, page.language)];
    Ok(([(CONTENT_SECURITY_POLICY, page.csp)], headers, page.html).into_response())
}
