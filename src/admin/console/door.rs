//! Who comes in: the way, the session's cookie, and whether a form is one of our own pages'.
//!
//! Guarantees:
//! - nothing is answered by a way on which a cookie could be read
//! - a form of another site changes nothing: its `Origin` is not our `Host`, and it does not know the session's form token
//! - every answer says that nobody may frame, keep or sniff it, and which few things its page may load

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, LOCATION, ORIGIN, REFERRER_POLICY,
    SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::refusal::Refused;
use super::sessions::{HARD, form_token, is_form_of};
use super::way::{Way, way};
use super::{Console, statics};
use crate::admin::Admin;
use crate::admin::access::Caller;
use crate::admin::listen::Peer;
use fairgate_core::fields::{self, cookies};

/// By TLS. The name has browsers refuse it from anywhere else.
const COOKIE_SECURE: &str = "__Host-fairgate-console";
/// On this machine without TLS.
const COOKIE_PLAIN: &str = "fairgate-console";

/// What a page of the console may do: load our own script and style, and speak with where it came from.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// A person who is logged in.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) caller: Caller,
    pub(super) way: Way,
    secret: String,
}

impl Person {
    /// What this person's forms hold.
    pub(super) fn form_token(&self) -> String {
        form_token(&self.secret)
    }

    /// Checks that a form is of one of this person's pages.
    pub(super) fn require_form(&self, token: &str) -> Result<(), Refused> {
        if is_form_of(&self.secret, token) { Ok(()) } else { Err(Refused::foreign()) }
    }
}

impl Admin {
    /// The console, where there is one.
    pub(super) fn open_console(&self) -> Result<&Console, Refused> {
        self.console.as_deref().ok_or_else(Refused::no_console)
    }
}

/// Lets a request in that comes by a way that may be served, and by a page of our own if it changes anything.
pub(super) async fn guard(State(admin): State<Admin>, mut request: Request, next: Next) -> Response {
    let answer = match admitted(&admin, &mut request) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    guarded(answer)
}

fn admitted(admin: &Admin, request: &mut Request) -> Result<(), Refused> {
    let console = admin.open_console()?;
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0);
    let way = way(peer, request.headers(), &console.trusted_proxies).ok_or_else(Refused::in_the_clear)?;
    if request.method() != Method::GET && request.method() != Method::HEAD && !is_own_page(request.headers()) {
        return Err(Refused::foreign());
    }
    request.extensions_mut().insert(way);
    Ok(())
}

/// True if the page that sends a form is of the host that it is sent to. Browsers always say so.
fn is_own_page(headers: &HeaderMap) -> bool {
    let text = |name| fields::first(headers, name).and_then(|value| str::from_utf8(value).ok());
    let origin = text(&ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    origin.zip(text(&HOST)).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host))
}

/// Our fields on top of an answer; those of files that never change may be kept.
fn guarded(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // With `no-referrer` a form's Origin would be `null`.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

/// Begins a session and leads to the rooms.
pub(super) fn session_begun(admin: &Admin, caller: Caller, way: Way) -> Result<Response, Refused> {
    let console = admin.open_console()?;
    tracing::info!(target: "audit", who = caller.name, role = ?caller.role, from = caller.from, "logged in to the console");
    let secret = console.sessions.begin(caller, Instant::now()).map_err(|_| Refused::no_randomness())?;
    console.count();
    Ok(with_cookie(see_other("/console/"), way, &secret, HARD.as_secs()))
}

/// Ends the session of whoever asks.
pub(super) fn session_ended(admin: &Admin, person: &Person) -> Result<Response, Refused> {
    let console = admin.open_console()?;
    console.sessions.end(&person.secret);
    console.count();
    Ok(with_cookie(see_other("/console/login"), person.way, "", 0))
}

fn with_cookie(mut response: Response, way: Way, value: &str, seconds: u64) -> Response {
    let (name, secure) = if way.secure { (COOKIE_SECURE, "; Secure") } else { (COOKIE_PLAIN, "") };
    let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Leads a browser to another page, by GET.
pub(super) fn see_other(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(to) = HeaderValue::try_from(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

/// Whose session a request belongs to.
fn person(admin: &Admin, parts: &Parts, counts: bool) -> Option<Person> {
    let way = *parts.extensions.get::<Way>()?;
    let name = if way.secure { COOKIE_SECURE } else { COOKIE_PLAIN };
    let secret = str::from_utf8(cookies::find(&parts.headers, name)?).ok()?.to_owned();
    let caller = admin.console.as_ref()?.sessions.find(&secret, Instant::now(), counts)?;
    Some(Person { caller, way, secret })
}

impl FromRequestParts<Admin> for Person {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Refused> {
        person(admin, parts, true).ok_or_else(|| match parts.method {
            Method::GET => Refused::To("/console/login"),
            _ => Refused::logged_out(),
        })
    }
}

/// A person whose page asks by itself, which keeps no session from being idle.
#[derive(Clone, Debug)]
pub(super) struct Watcher;

impl FromRequestParts<Admin> for Watcher {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Refused> {
        person(admin, parts, false).map(|_| Self).ok_or_else(Refused::logged_out)
    }
}

/// A person, or nobody.
#[derive(Clone)]
pub(super) struct Anybody(pub(super) Option<Person>);

impl FromRequestParts<Admin> for Anybody {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Infallible> {
        Ok(Self(person(admin, parts, true)))
    }
}

/// What every page names, so that a new version of the program is not shown with old files.
pub(super) fn version() -> &'static str {
    &statics::VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_comes_from_our_own_page_or_not_at_all() {
        let is_own = |host: &'static str, origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            is_own_page(&headers)
        };
        assert!(is_own("localhost:9090", Some("http://localhost:9090")));
        assert!(is_own("Console.example", Some("https://console.example")));
        for origin in
            [None, Some("null"), Some("https://evil.example"), Some("http://localhost:8080"), Some("localhost:9090")]
        {
            assert!(!is_own("localhost:9090", origin), "{origin:?}");
        }
    }

    #[test]
    fn the_cookie_is_a_hosts_own_wherever_there_is_tls() {
        let cookie = |secure| {
            let way = Way { address: IpAddr::V4(Ipv4Addr::LOCALHOST), secure };
            with_cookie(see_other("/"), way, "s", 5).headers()[SET_COOKIE].to_str().unwrap().to_owned()
        };
        assert_eq!(cookie(true), "__Host-fairgate-console=s; Path=/; Max-Age=5; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(cookie(false), "fairgate-console=s; Path=/; Max-Age=5; HttpOnly; SameSite=Strict");
    }
}
