//! Problems of the gate, and the one place that maps each to an answer.
//!
//! Programs get problem details (RFC 9457), whose form is [`fairgate_problem`]'s. People who navigate get a short page that says the same.

use http::header::{
    ACCEPT_LANGUAGE, ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
};
use http::{HeaderMap, StatusCode};

use super::answer::Answer;
use super::entry_problem::EntryProblem;
use crate::edge::overload::rate_limit::Over;
use crate::page::{ProblemPage, Told};
use fairgate_core::fields::first;
use fairgate_core::request::decide::wants_page;
use fairgate_core::request::head::BadHead;
use fairgate_core::request::host::BadHost;
use fairgate_core::request::path::BadTarget;
use fairgate_problem::{MEDIA_TYPE, ProblemDetails};

/// Why the gate does not do what it was asked to.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    Head(#[from] BadHead),
    #[error(transparent)]
    Target(#[from] BadTarget),
    #[error(transparent)]
    Host(#[from] BadHost),
    #[error(
        "your browser sends {kb} KB of cookies to this site, which is more than can be read; the largest are {largest}; delete these \
         in the browser's settings for this site (those that begin with fairgate hold your place: keep them), then load the page again"
    )]
    TooManyCookies { kb: usize, largest: String },
    #[error("no room or shop is configured for this host")]
    UnknownHost,
    #[error("there is nothing at this address")]
    NoSuchCall,
    #[error("this method does nothing here; use one of: {allow}")]
    Method { allow: &'static str },
    #[error("the request came from another site")]
    ForeignOrigin,
    #[error("the body is larger than {max_bytes} bytes")]
    BodyTooLarge { max_bytes: u64 },
    #[error("the client stopped sending before the request was complete")]
    Slow,
    #[error("{0}")]
    BadBody(String),
    #[error("the pool opens at {opens_at_ms} (Unix ms)")]
    NotOpen { opens_at_ms: u64, now_ms: u64 },
    #[error("the sale has ended")]
    Ended,
    #[error("no ticket was sent; join first")]
    NoTicket,
    #[error("{0}; join again")]
    BadTicket(String),
    #[error("the ticket is of another draw; join this one")]
    OtherDraw,
    #[error("the place was not taken in time, was given up, or its session is over; join again")]
    Expired,
    #[error("the room cannot be reached just now; your place is kept, ask again")]
    StoreUnavailable { retry_after_ms: u64 },
    #[error("the room is being put right; your place is kept, ask again")]
    Recovering { retry_after_ms: u64 },
    #[error(
        "this edge does not have the key yet that your ticket or pass was signed with; your place is kept, ask again"
    )]
    NewKey { retry_after_ms: u64 },
    #[error("too many are asking at once; ask again")]
    Busy { retry_after_ms: u64 },
    #[error("the shop does not answer; you keep your place, ask again")]
    ShopDown { retry_after_ms: u64 },
    #[error("the shop has all it can take just now; you keep your place, ask again")]
    ShopFull { retry_after_ms: u64 },
    #[error("you ask more often than one client may; ask again a little later")]
    TooMany(Over),
    #[error("the draw has not come that far yet")]
    DrawPending { retry_after_ms: u64 },
    #[error("the room's present draw is another one; `draw` without `d` has it")]
    NoSuchDraw,
    #[error("there is no entry {index}: the roster has {entries}")]
    NoSuchEntry { index: u64, entries: u64 },
    #[error("{0}")]
    Beacon(String),
    #[error("{}", .0.detail())]
    Entry(Box<EntryProblem>),
    #[error("the range lies beyond the list's end")]
    Range { bytes: u64 },
    #[error("something went wrong at the gate; ask again")]
    Internal,
    #[error("this page is behind a waiting room; join it, or open the page in a browser")]
    WaitingRoom { status: StatusCode, retry_after_ms: u64, status_url: String, join_url: String },
}

impl Problem {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Head(BadHead::TooLarge) | Self::TooManyCookies { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Target(BadTarget::TooLong) => StatusCode::URI_TOO_LONG,
            Self::Head(_) | Self::Target(_) | Self::Host(_) | Self::BadBody(_) => StatusCode::BAD_REQUEST,
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::NoSuchCall | Self::NoSuchDraw | Self::NoSuchEntry { .. } => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NoTicket | Self::BadTicket(_) => StatusCode::UNAUTHORIZED,
            Self::NotOpen { .. } | Self::OtherDraw | Self::DrawPending { .. } | Self::Beacon(_) => StatusCode::CONFLICT,
            Self::Ended | Self::Expired => StatusCode::GONE,
            Self::Range { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Entry(problem) => problem.status(),
            Self::WaitingRoom { status, .. } => *status,
            Self::StoreUnavailable { .. } | Self::Recovering { .. } | Self::Busy { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::NewKey { .. } | Self::ShopDown { .. } | Self::ShopFull { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn slug_and_title(&self) -> (&'static str, &'static str) {
        match self {
            Self::Head(_) => ("bad-request", "The request is malformed"),
            Self::Target(_) => ("bad-target", "The address is malformed"),
            Self::Host(_) => ("bad-host", "The host is malformed"),
            Self::TooManyCookies { .. } => ("too-many-cookies", "Too many cookies"),
            Self::UnknownHost => ("unknown-host", "Nothing is served for this host"),
            Self::NoSuchCall => ("not-found", "Not found"),
            Self::Method { .. } => ("method-not-allowed", "Method not allowed"),
            Self::ForeignOrigin => ("foreign-origin", "Refused from another site"),
            Self::BodyTooLarge { .. } => ("body-too-large", "The body is too large"),
            Self::Slow => ("request-timeout", "The request took too long"),
            Self::BadBody(_) => ("bad-body", "The body cannot be read"),
            Self::NotOpen { .. } => ("not-open", "The room is not open yet"),
            Self::Ended => ("ended", "The sale has ended"),
            Self::NoTicket => ("no-ticket", "No ticket"),
            Self::BadTicket(_) => ("bad-ticket", "The ticket is not valid"),
            Self::OtherDraw => ("other-draw", "The ticket is of another draw"),
            Self::Expired => ("expired", "The place has expired"),
            Self::StoreUnavailable { .. } => ("store-unavailable", "The room cannot be reached"),
            Self::Recovering { .. } => ("mending", "The room is being put right"),
            Self::NewKey { .. } => ("new-key", "A key is not known here yet"),
            Self::Busy { .. } => ("busy", "Too many requests at once"),
            Self::TooMany(_) => ("too-many-requests", "Too many requests"),
            Self::ShopDown { .. } => ("shop-down", "The shop does not answer"),
            Self::ShopFull { .. } => ("shop-full", "The shop is at its limit"),
            Self::DrawPending { .. } => ("draw-pending", "Not drawn yet"),
            Self::NoSuchDraw => ("no-such-draw", "No such draw"),
            Self::NoSuchEntry { .. } => ("no-such-entry", "No such entry"),
            Self::Beacon(_) => ("beacon", "The beacon is not taken"),
            Self::Range { .. } => ("range", "The range cannot be served"),
            Self::Internal => ("internal", "Something went wrong"),
            Self::Entry(problem) => problem.slug_and_title(),
            Self::WaitingRoom { .. } => ("waiting-room", "There is a waiting room"),
        }
    }

    pub(crate) fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::StoreUnavailable { retry_after_ms }
            | Self::Recovering { retry_after_ms }
            | Self::NewKey { retry_after_ms }
            | Self::Busy { retry_after_ms }
            | Self::ShopDown { retry_after_ms }
            | Self::ShopFull { retry_after_ms }
            | Self::DrawPending { retry_after_ms }
            | Self::WaitingRoom { retry_after_ms, .. } => Some(*retry_after_ms),
            Self::TooMany(over) => Some(over.retry_after_ms),
            Self::Entry(problem) => problem.retry_after_ms(),
            Self::NotOpen { opens_at_ms, now_ms } => Some(opens_at_ms.saturating_sub(*now_ms)),
            _ => None,
        }
    }

    /// Whether the connection cannot be trusted after it.
    pub(crate) fn closes(&self) -> bool {
        matches!(
            self,
            Self::Head(_) | Self::TooManyCookies { .. } | Self::Host(_) | Self::BodyTooLarge { .. } | Self::Slow
        )
    }

    /// A page for people, and problem details for programs. `title` is what the fan came for, where that is known.
    pub(crate) fn told<'t>(&self, headers: &HeaderMap, title: impl FnOnce() -> Option<&'t str>) -> Answer {
        if wants_page(headers) { self.page(headers, title()) } else { self.answer() }
    }

    /// The problem as RFC 9457 has it.
    fn details(&self) -> ProblemDetails {
        let (slug, title) = self.slug_and_title();
        let details = ProblemDetails::new(self.status(), slug, title, self.to_string());
        let details = match self.retry_after_ms() {
            Some(retry_after_ms) => details.with("retry_after_ms", retry_after_ms),
            None => details,
        };
        match self {
            Self::NotOpen { opens_at_ms, .. } => details.with("opens_at_ms", *opens_at_ms),
            Self::WaitingRoom { status_url, join_url, .. } => {
                details.with("status_url", status_url.as_str()).with("join_url", join_url.as_str())
            }
            Self::Entry(problem) => {
                problem.members().into_iter().fold(details, |details, (name, value)| details.with(&name, value))
            }
            _ => details,
        }
    }

    /// The answer to a program.
    pub(crate) fn answer(&self) -> Answer {
        let answer = Answer::empty(self.status())
            .header(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))
            .header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
            .body(self.details().to_json());
        self.finish(answer)
    }

    /// The answer to a person, in the person's language.
    fn page(&self, headers: &HeaderMap, title: Option<&str>) -> Answer {
        let (told, detail) = (self.as_told(), self.to_string());
        let page = ProblemPage {
            told,
            title,
            detail: matches!(told, Told::Bad | Told::Large).then_some(detail.as_str()),
            retry_after_s: self.retry_after_ms().map(|retry_after_ms| retry_after_ms.div_ceil(1000).max(2)),
        };
        let document = page.document(first(headers, &ACCEPT_LANGUAGE).unwrap_or_default());
        let answer = Answer::empty(self.status())
            .header(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
            .header(CONTENT_LANGUAGE, HeaderValue::from_static(document.content_language))
            .header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
            .header(CONTENT_SECURITY_POLICY, document.csp)
            .body(document.body);
        self.finish(answer)
    }

    /// Which words tell people.
    fn as_told(&self) -> Told {
        match self {
            Self::Head(_) | Self::Target(_) | Self::Host(_) | Self::BadBody(_) | Self::Method { .. } => Told::Bad,
            Self::DrawPending { .. } | Self::NoSuchEntry { .. } | Self::Beacon(_) | Self::Range { .. } => Told::Bad,
            Self::UnknownHost | Self::NoSuchCall | Self::NoSuchDraw => Told::Nothing,
            Self::ForeignOrigin => Told::Foreign,
            Self::BodyTooLarge { .. } | Self::TooManyCookies { .. } => Told::Large,
            Self::Slow => Told::Slow,
            Self::NotOpen { .. } => Told::NotOpen,
            Self::Ended => Told::Ended,
            Self::NoTicket | Self::BadTicket(_) | Self::OtherDraw => Told::Ticket,
            Self::Expired => Told::Expired,
            Self::StoreUnavailable { .. } | Self::Recovering { .. } | Self::Busy { .. } => Told::Busy,
            Self::NewKey { .. } => Told::Busy,
            Self::ShopDown { .. } => Told::Down,
            Self::ShopFull { .. } => Told::Full,
            Self::TooMany(_) => Told::Often,
            Self::WaitingRoom { .. } => Told::Room,
            Self::Internal => Told::Internal,
            Self::Entry(problem) => problem.retry_after_ms().map_or(Told::Room, |_| Told::Busy),
        }
    }

    fn finish(&self, answer: Answer) -> Answer {
        let answer = match self.retry_after_ms() {
            Some(retry_after_ms) => answer.retry_after_ms(retry_after_ms),
            None => answer,
        };
        match self {
            Self::TooMany(over) => {
                over.fields().into_iter().fold(answer, |answer, (name, value)| answer.header(name, value))
            }
            Self::Method { allow } => answer.header(ALLOW, HeaderValue::from_static(allow)),
            Self::Range { bytes } => answer.text(http::header::CONTENT_RANGE, &format!("bytes */{bytes}")),
            Self::NoTicket | Self::BadTicket(_) => {
                answer.header(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"fairgate\""))
            }
            Self::Entry(problem) => match problem.challenge() {
                Some(challenge) => answer.header(http::header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge)),
                None => answer,
            },
            _ => answer,
        }
    }
}

impl From<EntryProblem> for Problem {
    fn from(problem: EntryProblem) -> Self {
        Self::Entry(Box::new(problem))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn programs_get_problem_details() {
        let answer = Problem::NotOpen { opens_at_ms: 5_000, now_ms: 2_500 }.answer();
        assert_eq!(answer.status, StatusCode::CONFLICT);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["type"], "https://fairgate.dev/problems/not-open");
        assert_eq!(
            (&body["status"], &body["opens_at_ms"], &body["retry_after_ms"]),
            (&json!(409), &json!(5000), &json!(2500))
        );
        let header = |name: &str| {
            answer.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect::<Vec<_>>()
        };
        assert_eq!(header("content-type"), ["application/problem+json"]);
        assert_eq!(header("retry-after"), ["3"]);
    }

    #[test]
    fn people_get_a_page_in_their_language_that_quotes_nothing_raw() {
        let german = HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static("de-AT"))]);
        let page = |problem: Problem| {
            let answer = problem.page(&german, Some("Fado & Friends"));
            (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
        };
        let (_, bad) = page(Problem::BadBody("<script>alert(1)</script>".to_owned()));
        assert!(bad.contains("&lt;script&gt;") && !bad.contains("<script>"));
        assert!(!bad.contains("http-equiv=\"refresh\""));
        let (status, down) = page(Problem::ShopDown { retry_after_ms: 5_000 });
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(down.contains("content=\"5\"") && down.contains("Fado &amp; Friends"));
        assert!(down.contains("Der Shop antwortet nicht") && !down.contains("ask again"), "{down}");
    }
}
