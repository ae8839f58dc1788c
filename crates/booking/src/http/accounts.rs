//! `/bookings/sign-in` and `/bookings/mine`: a buyer's own account, signed in by a code that is mailed. Needs no pass: the gate leaves
//! `/bookings` open.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::App;
use super::input::{client_of, read_json};
use super::problem::Problem;
use super::refused::{BadBody, Refused};
use crate::accounts::{AccountError, Person, SESSION_S, Session};
use crate::bookings::answer::BookingAnswer;
use fairgate_core::fields::cookies;
use fairgate_entry::mail::MAIL_CODE_S;
use fairgate_problem::ProblemDetails;

/// What the edge says about how a client came; it removes what the client sent.
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";
/// What browsers say about who asks.
const SEC_FETCH_SITE: &str = "sec-fetch-site";
const SESSION: &str = "fairgate-account";
const CODE: &str = "fairgate-account-code";
const TYPED_CHARS_MAX: usize = 254;

/// `POST /bookings/sign-in`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeRequest {
    /// The mail address that was given with a payment.
    #[schema(example = "fan@example.com")]
    pub(super) email: String,
}

/// The same whether or not the address is known.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct CodeAsked {
    /// How long the code is good, in seconds.
    expires_in_s: u64,
}

/// `POST /bookings/sign-in/code`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedCode {
    /// The eight digits; spaces do not count.
    #[schema(example = "1234 5678")]
    pub(super) code: String,
}

/// What somebody sees who is signed in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct MyBookings {
    /// The mail address.
    #[schema(example = "fan@example.com")]
    email: String,
    /// The bookings that were paid with it, newest first, 100 of them at most.
    bookings: Vec<BookingAnswer>,
    /// Where they are signed in, the latest first.
    sessions: Vec<SessionAnswer>,
}

/// A browser in which somebody is signed in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SessionAnswer {
    /// Its id.
    session: Uuid,
    /// True if it is the one that asks.
    current: bool,
    /// What the browser calls itself.
    agent: String,
    /// Since when, RFC 3339 in UTC.
    made_at: String,
    /// When it was used last, RFC 3339 in UTC.
    seen_at: String,
}

/// Sends a code to a mail address, if somebody has paid with it. The answer is the same if nobody has.
#[utoipa::path(
    post, path = "/bookings/sign-in", tag = "accounts", request_body = CodeRequest,
    responses(
        (status = 200, body = CodeAsked, description = "With a cookie: the code is good in this browser"),
        (status = 429, body = ProblemDetails, content_type = "application/problem+json", description = "Too many tries"),
        BadBody, Refused<403>, Refused<503>,
    ),
)]
pub(super) async fn ask(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    from_here(&headers)?;
    let asked: CodeRequest = read_json(&headers, body)?;
    let kept = app.accounts.ask(&bounded("email", asked.email)?, client_of(&headers), app.clock.now_ms())?;
    let cookie = set(&headers, CODE, &kept, MAIL_CODE_S);
    let told = Json(CodeAsked { expires_in_s: MAIL_CODE_S });
    Ok(([(CACHE_CONTROL, "no-store".to_owned()), (SET_COOKIE, cookie)], told).into_response())
}

/// Signs in by the code, in the browser that asked for it: five tries, one use.
#[utoipa::path(
    post, path = "/bookings/sign-in/code", tag = "accounts", request_body = TypedCode,
    responses(
        (status = 204, description = "Signed in, with a cookie"),
        (status = 429, body = ProblemDetails, content_type = "application/problem+json", description = "Too many tries"),
        BadBody, Refused<403>, Refused<503>,
    ),
)]
pub(super) async fn check(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    from_here(&headers)?;
    let typed: TypedCode = read_json(&headers, body)?;
    let typed = bounded("code", typed.code)?;
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let (kept, client, now_ms) = (found(&headers, CODE), client_of(&headers), app.clock.now_ms());
    let token = app.accounts.check(kept.as_deref(), &typed, agent, client, now_ms).await?;
    let mut response = ([(CACHE_CONTROL, "no-store")], StatusCode::NO_CONTENT).into_response();
    for cookie in [set(&headers, SESSION, &token, SESSION_S), set(&headers, CODE, "", 0)] {
        response.headers_mut().append(SET_COOKIE, cookie.parse().map_err(|_| Problem::busy("Ask again."))?);
    }
    Ok(response)
}

/// The bookings of whoever is signed in, and where they are.
#[utoipa::path(
    get, path = "/bookings/mine", tag = "accounts",
    responses((status = 200, body = MyBookings), (status = 204, description = "Nobody is signed in"), Refused<503>),
)]
pub(super) async fn mine(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    let person = match app.accounts.person(found(&headers, SESSION).as_deref()).await {
        Err(AccountError::NotSignedIn) => {
            return Ok(([(CACHE_CONTROL, "no-store")], StatusCode::NO_CONTENT).into_response());
        }
        person => person?,
    };
    let bookings = app.accounts.bookings(&person, &app.bookings).await?;
    let sessions = app.accounts.sessions(&person).await?;
    let sessions = sessions.into_iter().map(|session| SessionAnswer::new(session, &person)).collect();
    let mine = MyBookings { email: person.email, bookings, sessions };
    Ok(([(CACHE_CONTROL, "no-store")], Json(mine)).into_response())
}

/// Ends a session, this one or another one of the same person. One that is over already is no mistake.
#[utoipa::path(
    delete, path = "/bookings/mine/sessions/{session}", tag = "accounts",
    params(("session" = String, Path, description = "The session's id")),
    responses((status = 204, description = "It is over"), Refused<403>, Refused<404>, Refused<503>),
)]
pub(super) async fn end(
    State(app): State<Arc<App>>,
    Path(session): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    from_here(&headers)?;
    let session = session.parse().map_err(|_| Problem::not_found("session"))?;
    app.accounts.end(&person(&app, &headers).await?, session).await?;
    Ok(([(CACHE_CONTROL, "no-store")], StatusCode::NO_CONTENT).into_response())
}

/// Deletes the account and all of its sessions. Bookings stay what they are, and are found by number and mail address.
#[utoipa::path(
    delete, path = "/bookings/mine", tag = "accounts",
    responses((status = 204, description = "It is gone"), Refused<403>, Refused<503>),
)]
pub(super) async fn delete(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    from_here(&headers)?;
    app.accounts.delete(&person(&app, &headers).await?).await?;
    let cookie = set(&headers, SESSION, "", 0);
    Ok(([(CACHE_CONTROL, "no-store".to_owned()), (SET_COOKIE, cookie)], StatusCode::NO_CONTENT).into_response())
}

async fn person(app: &App, headers: &HeaderMap) -> Result<Person, Problem> {
    Ok(app.accounts.person(found(headers, SESSION).as_deref()).await?)
}

/// Refuses what another site's page asks for.
fn from_here(headers: &HeaderMap) -> Result<(), Problem> {
    let site = headers.get(SEC_FETCH_SITE).map(|site| site.as_bytes());
    if site.is_none_or(|site| matches!(site, b"same-origin" | b"none")) {
        return Ok(());
    }
    let detail = "This can be asked by the shop's own pages only.";
    Err(Problem::new(StatusCode::FORBIDDEN, "other-site", "Asked by another site", detail))
}

fn bounded(field: &str, typed: String) -> Result<String, Problem> {
    if typed.is_empty() || typed.len() > TYPED_CHARS_MAX {
        return Err(Problem::invalid(field, format!("1 to {TYPED_CHARS_MAX} characters, please.")));
    }
    Ok(typed)
}

fn is_secure(headers: &HeaderMap) -> bool {
    headers.get(X_FORWARDED_PROTO).is_some_and(|proto| proto == "https")
}

/// The cookie's name: over TLS no other host and no other path can set it.
fn name(headers: &HeaderMap, of: &str) -> String {
    if is_secure(headers) { format!("__Host-{of}") } else { of.to_owned() }
}

fn set(headers: &HeaderMap, of: &str, value: &str, max_age_s: u64) -> String {
    let secure = if is_secure(headers) { " Secure;" } else { "" };
    format!("{}={value}; Path=/; Max-Age={max_age_s};{secure} HttpOnly; SameSite=Lax", name(headers, of))
}

fn found(headers: &HeaderMap, of: &str) -> Option<String> {
    let value = cookies::find(headers, &name(headers, of))?;
    std::str::from_utf8(value).ok().map(str::to_owned)
}

impl SessionAnswer {
    fn new(session: Session, person: &Person) -> Self {
        Self {
            session: session.session_id,
            current: session.session_id == person.session_id,
            agent: session.agent,
            made_at: session.made_at.to_rfc3339(),
            seen_at: session.seen_at.to_rfc3339(),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NotOffered => {
                let detail = "Nobody can sign in here, because no mails are sent. Find a booking by its number.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "no-sign-in", "No sign-in", detail)
            }
            AccountError::NotSignedIn => {
                let detail = "Nobody is signed in here. Have a code sent to your mail address.";
                Self::new(StatusCode::FORBIDDEN, "not-signed-in", "Not signed in", detail)
            }
            AccountError::Address(why) => Self::invalid("email", why),
            AccountError::WrongCode => {
                let detail = "This is not the code, or it is over: it is good for ten minutes and five tries, in the browser that \
                              asked for it.";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong-code", "Not the code", detail).with("field", "code")
            }
            AccountError::TooMany { retry_after_s } => Self::too_many_tries(retry_after_s),
            AccountError::Random(_) => Self::busy("Ask again."),
            AccountError::Database(error) => error.into(),
        }
    }
}
