//! A token, typed once, becomes a session.
//!
//! Guarantee: whoever guesses tokens here is not listened to any longer than at the admin API, since both count together.

use axum::Extension;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::door::{Anybody, Person, see_other, session_begun, session_ended};
use super::refusal::Refused;
use super::render;
use super::way::Way;
use crate::admin::Admin;
use crate::admin::access::{Caller, network_of};
use crate::admin::problem::Problem;
use crate::admin::refusals::wrong_token;

/// The page that asks for a token.
pub(super) async fn show(
    State(admin): State<Admin>,
    Extension(way): Extension<Way>,
    Anybody(person): Anybody,
) -> Result<Response, Refused> {
    if person.is_some() {
        return Ok(see_other("/console/"));
    }
    render::page("login.html", None, &page(&admin, way, false))
}

fn page(admin: &Admin, way: Way, is_wrong: bool) -> serde_json::Value {
    json!({ "secure": way.secure, "wrong": is_wrong, "closed": admin.tokens.is_closed() })
}

/// What the form holds.
#[derive(Deserialize)]
pub(super) struct Login {
    token: String,
}

/// Begins a session for whoever has a token.
pub(super) async fn login(
    State(admin): State<Admin>,
    Extension(way): Extension<Way>,
    Form(login): Form<Login>,
) -> Result<Response, Refused> {
    if admin.tokens.is_closed() {
        return Err(Problem::NoTokens.into());
    }
    admin.doorman.listens_to(way.address)?;
    let Some(caller) = admin.tokens.caller(login.token.trim()).cloned() else {
        wrong_token(&admin, way.address).await;
        let page = render::page("login.html", None, &page(&admin, way, true))?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    session_begun(&admin, Caller { from: Some(network_of(way.address)), ..caller }, way)
}

/// What a form of somebody who is logged in holds at least.
#[derive(Deserialize)]
pub(super) struct Logout {
    form: String,
}

/// Ends the session.
pub(super) async fn logout(
    State(admin): State<Admin>,
    person: Person,
    Form(logout): Form<Logout>,
) -> Result<Response, Refused> {
    person.require_form(&logout.form)?;
    session_ended(&admin, &person)
}
