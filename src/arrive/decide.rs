//! What is to be done with a request for the shop: let it through, show the waiting page, or tell a program to wait.

use http::Method;

use crate::room::Phase;

/// What a request for a protected page looks like, once its pass has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Whether a person's browser is navigating.
    pub wants_page: bool,
    /// Whether it asks for another protocol (a WebSocket).
    pub upgrade: bool,
    /// Whether it carries a pass that is good now.
    pub has_pass: bool,
}

/// What the gate has to know of its room.
#[derive(Clone, Copy, Debug)]
pub struct RoomState {
    /// The phase; `None` while the store has not told yet.
    pub phase: Option<Phase>,
    /// Whether the shop is open to everyone once the sale has ended.
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

/// Whether a browser is navigating, by what it accepts.
#[must_use]
pub fn wants_page(accept: Option<&str>) -> bool {
    accept.is_some_and(|accept| {
        accept.split(',').any(|range| {
            let kind = range.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
        })
    })
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
        assert!(wants_page(Some("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")));
        assert!(wants_page(Some("application/json, TEXT/HTML;q=0.1")));
        assert!(!wants_page(Some("*/*")));
        assert!(!wants_page(Some("application/json")));
        assert!(!wants_page(Some("text/htmlx")));
        assert!(!wants_page(None));
    }
}
