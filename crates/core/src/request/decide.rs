//! What is to be done with a request for the shop: let it through, show the waiting page, or tell a program to wait.

use http::header::{ACCEPT, HeaderName};
use http::{HeaderMap, Method};

use crate::fields;
use crate::room::Phase;

/// What a request for a protected page looks like, once its pass has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// True if a person's browser is navigating.
    pub wants_page: bool,
    /// True if the request asks for another protocol (a WebSocket).
    pub upgrade: bool,
    /// True if the request carries a pass that is good now.
    pub has_pass: bool,
}

/// What the gate has to know of its room.
#[derive(Clone, Copy, Debug)]
pub struct RoomState {
    /// The phase; `None` while the store has not told yet.
    pub phase: Option<Phase>,
    /// True if the shop is open to everyone once the sale has ended.
    pub open_after_end: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Forward it to the shop.
    Forward,
    /// Show the waiting page at this very URL.
    WaitingPage,
    /// Tell the program when to come back.
    ComeBack,
}

/// Decides on a request for a protected page.
#[inline]
#[must_use]
pub fn decide(ask: Ask<'_>, room: RoomState) -> Decision {
    let ended_open = room.open_after_end && room.phase == Some(Phase::Ended);
    let reads = ask.method == Method::GET || ask.method == Method::HEAD;
    if ask.has_pass || ended_open {
        Decision::Forward
    } else if reads && ask.wants_page && !ask.upgrade {
        Decision::WaitingPage
    } else {
        Decision::ComeBack
    }
}

/// All that [`wants_page`] reads.
pub const NAVIGATION: [HeaderName; 11] = [
    ACCEPT,
    SEC_FETCH_MODE,
    HeaderName::from_static("x-requested-with"),
    HeaderName::from_static("x-pjax"),
    HeaderName::from_static("x-inertia"),
    HeaderName::from_static("x-turbo-request-id"),
    HeaderName::from_static("x-up-version"),
    HeaderName::from_static("turbo-frame"),
    HeaderName::from_static("turbolinks-referrer"),
    HeaderName::from_static("hx-request"),
    HeaderName::from_static("hx-boosted"),
];

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// True if a person's browser is navigating, so that a page is what the browser can show.
///
/// Browsers say so on every site that has TLS (`Sec-Fetch-Mode`). Elsewhere a request that accepts HTML is a
/// navigation, unless a field says that a script sent it. A script puts what it gets into a part of its page: jQuery,
/// htmx, Turbo, Unpoly, Inertia.
#[must_use]
pub fn wants_page(headers: &HeaderMap) -> bool {
    let accepts_html = || fields::list(headers, &ACCEPT).map(fields::essence).any(is_html);
    match fields::first(headers, &SEC_FETCH_MODE) {
        Some(mode) => mode == b"navigate" && accepts_html(),
        None => accepts_html() && !NAVIGATION[2..].iter().any(|name| headers.contains_key(name)),
    }
}

fn is_html(kind: &[u8]) -> bool {
    kind.eq_ignore_ascii_case(b"text/html") || kind.eq_ignore_ascii_case(b"application/xhtml+xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Ask<'_> = Ask { method: &Method::GET, wants_page: true, upgrade: false, has_pass: false };
    const SERVING: RoomState = RoomState { phase: Some(Phase::Serving), open_after_end: false };

    #[test]
    fn lets_passes_through_and_nobody_else() {
        assert_eq!(decide(Ask { has_pass: true, method: &Method::POST, ..PAGE }, SERVING), Decision::Forward);
        assert_eq!(decide(Ask { has_pass: true, upgrade: true, ..PAGE }, SERVING), Decision::Forward);
        assert_eq!(decide(PAGE, SERVING), Decision::WaitingPage);
        assert_eq!(decide(Ask { method: &Method::HEAD, ..PAGE }, SERVING), Decision::WaitingPage);
        assert_eq!(decide(Ask { method: &Method::POST, ..PAGE }, SERVING), Decision::ComeBack);
        assert_eq!(decide(Ask { upgrade: true, ..PAGE }, SERVING), Decision::ComeBack);
        assert_eq!(decide(Ask { wants_page: false, ..PAGE }, SERVING), Decision::ComeBack);
    }

    #[test]
    fn opens_to_all_after_the_end_where_the_room_says_so() {
        let ended = RoomState { phase: Some(Phase::Ended), open_after_end: true };
        assert_eq!(decide(PAGE, ended), Decision::Forward);
        assert_eq!(decide(PAGE, RoomState { open_after_end: false, ..ended }), Decision::WaitingPage);
        assert_eq!(decide(PAGE, RoomState { phase: Some(Phase::Serving), ..ended }), Decision::WaitingPage);
        assert_eq!(decide(PAGE, RoomState { phase: None, ..ended }), Decision::WaitingPage);
    }

    #[test]
    fn tells_people_from_programs() {
        let accept = |value: &str| wants(&[("accept", value)]);
        assert!(accept("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"));
        assert!(accept("application/json, TEXT/HTML;q=0.1"));
        for other in ["*/*", "application/json", "text/htmlx", ""] {
            assert!(!accept(other), "{other:?}");
        }
        assert!(!wants(&[]));
    }

    #[test]
    fn a_script_that_accepts_html_gets_no_page() {
        const HTML: (&str, &str) = ("accept", "text/html, */*; q=0.01");
        assert!(wants(&[HTML, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]));
        assert!(wants(&[HTML, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")]));
        assert!(!wants(&[("accept", "*/*"), ("sec-fetch-mode", "navigate")]));
        for fetched in [
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-mode", "same-origin"),
            ("sec-fetch-mode", "no-cors"),
            ("x-requested-with", "XMLHttpRequest"),
            ("turbo-frame", "cart"),
            ("x-turbo-request-id", "1"),
            ("hx-request", "true"),
            ("x-pjax", "true"),
            ("x-up-version", "3"),
        ] {
            assert!(!wants(&[HTML, fetched]), "{fetched:?}");
        }
    }

    fn wants(fields: &[(&'static str, &str)]) -> bool {
        let fields = fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        wants_page(&HeaderMap::from_iter(fields))
    }
}
