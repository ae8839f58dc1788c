//! The two calls that a rush is made of, reserving and availability, without a router.
//!
//! Guarantees:
//! - both calls answer as their routes do, with the same functions
//! - what is not plainly one of the two calls is for the routes

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;

use super::{App, RESERVE, RESERVE_CALL, events, negotiate, note_failure, reserve, stamp};
use crate::metrics::InFlight;

const EVENTS: &str = "/api/v1/events/";
const AVAILABILITY: &str = "/availability";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rush {
    Reserve,
    Availability,
}

impl Rush {
    /// Which of the two a request is, if it is one.
    pub(super) fn of(method: &Method, path: &str) -> Option<Self> {
        match *method {
            Method::POST if path == RESERVE => Some(Self::Reserve),
            Method::GET if event_of(path).is_some() => Some(Self::Availability),
            _ => None,
        }
    }

    /// Answers.
    pub(super) async fn answer(
        self,
        app: &Arc<App>,
        request: Request<Incoming>,
        started: Instant,
        in_flight: &InFlight,
    ) -> Response<Full<Bytes>> {
        match self {
            Self::Reserve => reservation(app, request, started, in_flight).await,
            Self::Availability => availability(app, &request, started, in_flight).await,
        }
    }
}

async fn reservation(
    app: &Arc<App>,
    request: Request<Incoming>,
    started: Instant,
    in_flight: &InFlight,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let reply = reserve::reserve(app, &parts.headers, body).await;
    let (status, waited) = (reply.status, reply.timing);
    let mut response = reply.whole();
    let took = started.elapsed();
    app.calls.reserve.observe(status, took);
    note_failure(RESERVE_CALL, status, parts.headers.get(super::REQUEST_ID));
    stamp(response.headers_mut(), took, in_flight, waited.as_ref());
    response
}

async fn availability(
    app: &App,
    request: &Request<Incoming>,
    started: Instant,
    in_flight: &InFlight,
) -> Response<Full<Bytes>> {
    let event = event_of(request.uri().path()).unwrap_or_default();
    let mut response = match events::availability_of(app, event).await {
        Ok(snapshot) => negotiate::whole(&snapshot.document, request.headers()),
        Err(problem) => problem.reply().whole(),
    };
    let took = started.elapsed();
    app.calls.availability.observe(response.status(), took);
    note_failure(super::AVAILABILITY_CALL, response.status(), request.headers().get(super::REQUEST_ID));
    stamp(response.headers_mut(), took, in_flight, None);
    response
}

/// The event whose availability a path asks for.
fn event_of(path: &str) -> Option<&str> {
    let event = path.strip_prefix(EVENTS)?.strip_suffix(AVAILABILITY)?;
    event.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-').then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_plainly_one_of_the_two_is_served_without_a_router() {
        assert_eq!(Rush::of(&Method::POST, RESERVE), Some(Rush::Reserve));
        let path = "/api/v1/events/final-2026/availability";
        assert_eq!((Rush::of(&Method::GET, path), event_of(path)), (Some(Rush::Availability), Some("final-2026")));
        for (method, path) in [
            (Method::GET, RESERVE),
            (Method::POST, path),
            (Method::HEAD, path),
            (Method::GET, "/"),
            (Method::GET, "/api/v1/events/a%2fb/availability"),
            (Method::GET, "/api/v1/events/a/b/availability"),
            (Method::GET, "/api/v1/events/availability"),
        ] {
            assert_eq!(Rush::of(&method, path), None, "{method} {path}");
        }
    }
}
