//! Kept forms: a page's `POST` that cannot be served now is not lost, since the fan gets the form back to send it
//! again.
//!
//! Guarantees: a form is kept if a navigation sends it as browsers do (`application/x-www-form-urlencoded` in UTF-8,
//! up to [`request_body::WHOLE_BYTES_MAX`]). A form that cannot be kept is said to be lost. No reload makes a `GET`
//! of it. A form of another site goes on by itself to `return_paths` only. Elsewhere the fan is asked, since with it
//! go the cookies that browsers keep from other sites' forms.

use http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, StatusCode};
use pingora::proxy::Session;

use super::arrival::Arrival;
use super::request_body;
use super::visit::Outcome;
use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::room::handle::LiveRoom;
use crate::observe::RequestKind;
use crate::page::{KeptForm, KeptWhy};
use fairgate_core::fields::{essence, first};
use fairgate_core::request::decide::wants_page;
use fairgate_core::request::origin::is_own_origin;
use fairgate_core::request::prefix::is_under;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The answer that keeps the form of a request; `None` where it is not a page's form, or the problem is another.
pub(crate) async fn answer(
    edge: &Edge,
    session: &mut Session,
    room: &LiveRoom,
    arrival: &Arrival,
    problem: &Problem,
) -> Option<Answer> {
    let header = session.req_header();
    if header.method != Method::POST || !wants_page(&header.headers) {
        return None;
    }
    let why = why(problem, &header.headers, room, arrival)?;
    let fields = if is_form(&header.headers) { fields(edge, session, arrival).await } else { None };
    let headers = &session.req_header().headers;
    let origin = first(headers, &ORIGIN).and_then(|origin| std::str::from_utf8(origin).ok());
    let from = origin.and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    let target = arrival.target.as_str();
    let keep = format!("{}/{}/keep.js", edge.prefix, room.name());
    let page = KeptForm { why, target, fields: fields.as_deref(), from, keep: &keep }
        .page(first(headers, &ACCEPT_LANGUAGE).unwrap_or_default());
    // A page that goes on is no failure.
    let status = if why == KeptWhy::Returning { StatusCode::OK } else { problem.status() };
    let answer = Answer::empty(status)
        .header(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
        .header(CONTENT_LANGUAGE, HeaderValue::from_static(page.content_language))
        .header(CONTENT_SECURITY_POLICY, page.csp)
        .header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        .header(REFERRER_POLICY, HeaderValue::from_static("same-origin"))
        .body(page.html);
    Some(match problem.retry_after_ms() {
        Some(retry_after_ms) if why != KeptWhy::Returning => answer.retry_after_ms(retry_after_ms),
        _ => answer,
    })
}

/// The problem, with the fan's form where there is one.
pub(crate) async fn keep(
    edge: &Edge,
    session: &mut Session,
    room: &LiveRoom,
    arrival: &Arrival,
    kind: RequestKind,
    problem: Problem,
) -> Outcome {
    match answer(edge, session, room, arrival, &problem).await {
        Some(answer) => Outcome::Kept(kind, answer),
        None => Outcome::Problem(kind, problem),
    }
}

fn why(problem: &Problem, headers: &HeaderMap, room: &LiveRoom, arrival: &Arrival) -> Option<KeptWhy> {
    Some(match problem {
        Problem::ShopFull { .. } | Problem::Busy { .. } => KeptWhy::Full,
        Problem::ShopDown { .. } | Problem::StoreUnavailable { .. } | Problem::Internal => KeptWhy::Down,
        Problem::TooMany(_) => KeptWhy::Often,
        Problem::WaitingRoom { .. } if is_foreign(headers, &arrival.authority) => {
            let path = arrival.target.path();
            let returns = room.config.return_paths.iter().flatten().any(|prefix| is_under(prefix, path));
            if returns { KeptWhy::Returning } else { KeptWhy::Foreign }
        }
        Problem::WaitingRoom { .. } => KeptWhy::Outside,
        Problem::Entry(problem) if **problem == EntryProblem::Prove => KeptWhy::Proving,
        _ => return None,
    })
}

fn is_foreign(headers: &HeaderMap, authority: &str) -> bool {
    !is_own_origin(first(headers, &SEC_FETCH_SITE), first(headers, &ORIGIN), authority)
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = essence(first(headers, &CONTENT_TYPE).unwrap_or_default());
    kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

/// The fields that were sent, where all of them are here or come in time.
async fn fields(edge: &Edge, session: &mut Session, arrival: &Arrival) -> Option<Vec<(String, String)>> {
    if session.as_ref().retry_buffer_truncated() {
        return None;
    }
    let mut received = None;
    if session.as_ref().get_retry_buffer().is_none() {
        received = request_body::receive(edge, session, arrival.client.address).await.ok()?.ok();
    }
    if received.is_some_and(|sending| sending.is_streamed()) || !session.as_mut().is_body_done() {
        return None;
    }
    parse(&session.as_ref().get_retry_buffer().unwrap_or_default())
}

/// As they were sent, or not at all: what is no UTF-8 could not be sent again.
fn parse(body: &[u8]) -> Option<Vec<(String, String)>> {
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let decoded = |text: &[u8]| String::from_utf8(percent_decoded(text)?).ok();
    pairs
        .map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            Some((decoded(&pair[..at])?, decoded(pair.get(at + 1..).unwrap_or_default())?))
        })
        .collect()
}

fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            byte => *byte,
        });
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_as_they_were_sent_or_not_at_all() {
        let read = |body: &str| parse(body.as_bytes());
        let pairs = |pairs: &[(&str, &str)]| {
            Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>())
        };
        assert_eq!(
            read("a=1&b=%C3%A9+x&&c=&d&=e&a=2%0D%0A"),
            pairs(&[("a", "1"), ("b", "é x"), ("c", ""), ("d", ""), ("", "e"), ("a", "2\r\n"),])
        );
        assert_eq!(read("PaRes=eJx%2Bab%3D%3D&MD=1=2"), pairs(&[("PaRes", "eJx+ab=="), ("MD", "1=2")]));
        for lost in ["a=%E9", "a=%", "a=%4", "a=%zz"] {
            assert_eq!(read(lost), None, "{lost}");
        }
    }
}
