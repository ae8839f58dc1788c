//! What a call reads of a request's head, and the heads that the quick way understands. Pure.
//!
//! Guarantees: nothing is guessed. A request is understood only when it is HTTP/1.1 with a plain length and asks for
//! one of the calls of a rush. No header that decides anything may be named twice. Everything else is for the general
//! server.

use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderName, IF_NONE_MATCH};

use super::{BODY_BYTES_MAX, RESERVE};

/// Larger heads are for the general server to refuse.
pub(super) const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 48;
const EVENTS: &str = "/api/v1/events/";
const AVAILABILITY: &str = "/availability";

/// What stands in the buffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<'a> {
    /// The head has not ended yet.
    Partial,
    /// Something that is not for here.
    Other,
    /// A request with these many bytes of head and body.
    Request { head: Head<'a>, head_bytes: usize, body_bytes: usize },
}

/// What a call reads of a request's head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head<'a> {
    /// The call that the head asks for.
    pub(super) call: Call<'a>,
    pub(super) pass: Option<&'a str>,
    pub(super) authorization: Option<&'a str>,
    pub(super) idempotency_key: Option<&'a str>,
    pub(super) content_type: &'a str,
    pub(super) accept_encoding: &'a str,
    pub(super) if_none_match: &'a str,
    /// What the edge calls the request.
    pub(super) request_id: Option<&'a str>,
}

impl<'a> Head<'a> {
    /// A reservation as the general server has read it.
    pub(super) fn of_reservation(headers: &'a HeaderMap) -> Self {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            call: Call::Reserve,
            pass: text(HeaderName::from_static("x-fairgate-pass")),
            authorization: text(AUTHORIZATION),
            idempotency_key: text(HeaderName::from_static("idempotency-key")),
            content_type: text(CONTENT_TYPE).unwrap_or_default(),
            accept_encoding: text(ACCEPT_ENCODING).unwrap_or_default(),
            if_none_match: text(IF_NONE_MATCH).unwrap_or_default(),
            request_id: text(HeaderName::from_static("x-request-id")),
        }
    }
}

/// The calls of a rush.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Call<'a> {
    #[default]
    Reserve,
    /// With the event's id.
    Availability(&'a str),
}

/// Reads the head at the start of the buffer.
pub(super) fn read(buffer: &[u8]) -> Read<'_> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let head_bytes = match request.parse(buffer) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) if buffer.len() < HEAD_BYTES_MAX => return Read::Partial,
        _ => return Read::Other,
    };
    match understand(&request) {
        Some((head, body_bytes)) => Read::Request { head, head_bytes, body_bytes },
        None => Read::Other,
    }
}

fn understand<'a>(request: &httparse::Request<'_, 'a>) -> Option<(Head<'a>, usize)> {
    let call = match (request.method?, request.path?) {
        ("POST", RESERVE) => Call::Reserve,
        ("GET", path) => Call::Availability(event_of(path)?),
        _ => return None,
    };
    let mut head = Head { call, ..Head::default() };
    let (mut length, mut seen) = (None, 0_u32);
    for header in request.headers.iter() {
        let value = std::str::from_utf8(header.value).ok()?;
        let number = NAMES.iter().position(|name| header.name.eq_ignore_ascii_case(name));
        if let Some(number) = number {
            if seen >> number & 1 == 1 {
                return None;
            }
            seen |= 1 << number;
        }
        match number {
            Some(0) => length = Some(plain_number(value)?),
            Some(1) if !value.eq_ignore_ascii_case("keep-alive") => return None,
            Some(2) => head.pass = Some(value),
            Some(3) => head.authorization = Some(value),
            Some(4) => head.idempotency_key = Some(value),
            Some(5) => head.content_type = value,
            Some(6) => head.accept_encoding = value,
            Some(7) => head.if_none_match = value,
            Some(9) => head.request_id = Some(value),
            _ if NOT_HERE.iter().any(|name| header.name.eq_ignore_ascii_case(name)) => return None,
            _ => {}
        }
    }
    let is_plain = request.version == Some(1) && seen & HOST == HOST;
    match (call, length) {
        (Call::Reserve, Some(length)) if is_plain && length <= BODY_BYTES_MAX => Some((head, length)),
        (Call::Availability(_), None | Some(0)) if is_plain => Some((head, 0)),
        _ => None,
    }
}

/// Each at most once.
const NAMES: [&str; 10] = [
    "content-length",
    "connection",
    "x-fairgate-pass",
    "authorization",
    "idempotency-key",
    "content-type",
    "accept-encoding",
    "if-none-match",
    "host",
    "x-request-id",
];
/// The bit of `host`, without which HTTP/1.1 is none.
const HOST: u32 = 1 << 8;
/// What frames or changes a request in other ways.
const NOT_HERE: [&str; 4] = ["transfer-encoding", "expect", "upgrade", "te"];

/// The event whose availability is asked for.
pub(super) fn event_of(path: &str) -> Option<&str> {
    let event = path.strip_prefix(EVENTS)?.strip_suffix(AVAILABILITY)?;
    event.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-').then_some(event)
}

/// Digits and nothing else.
fn plain_number(value: &str) -> Option<usize> {
    let is_plain = !value.is_empty() && value.len() <= 9 && value.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| value.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Read<'_> {
        read(text.as_bytes())
    }

    #[test]
    fn a_reservation_is_understood() {
        let text = "POST /api/v1/bookings/reserve HTTP/1.1\r\nHost: app\r\nX-Fairgate-Pass: p\r\nIdempotency-Key: k\r\n\
                    Content-Type: application/json\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}";
        let Read::Request { head, head_bytes, body_bytes } = read_text(text) else { panic!("not understood") };
        assert_eq!((head_bytes + body_bytes, head.call), (text.len(), Call::Reserve));
        assert_eq!((head.pass, head.idempotency_key, head.content_type), (Some("p"), Some("k"), "application/json"));
        for end in 0..text.len() - 3 {
            assert_eq!(read_text(&text[..end]), Read::Partial, "{end} bytes");
        }
    }

    #[test]
    fn availability_is_understood() {
        let text = "GET /api/v1/events/final-2026/availability HTTP/1.1\r\nhost: shop\r\nif-none-match: \"x\"\r\n\r\n";
        let Read::Request { head, body_bytes: 0, .. } = read_text(text) else { panic!("not understood") };
        assert_eq!((head.call, head.if_none_match), (Call::Availability("final-2026"), "\"x\""));
    }

    #[test]
    fn whatever_could_be_read_in_two_ways_is_for_the_general_server() {
        let post = |version: &str, rest: &str| format!("POST {RESERVE} {version}\r\n{rest}\r\n\r\n");
        let good = "host: a\r\ncontent-length: 2";
        assert!(matches!(read_text(&post("HTTP/1.1", good)), Read::Request { .. }));
        for odd in [
            post("HTTP/1.0", good),
            post("HTTP/1.1", "content-length: 2"),
            post("HTTP/1.1", "host: a"),
            post("HTTP/1.1", "host: a\r\nhost: b\r\ncontent-length: 2"),
            post("HTTP/1.1", &format!("{good}\r\ncontent-length: 2")),
            post("HTTP/1.1", &format!("{good}\r\ntransfer-encoding: chunked")),
            post("HTTP/1.1", &format!("{good}\r\nTransfer-Encoding : chunked")),
            post("HTTP/1.1", &format!("{good}\r\nexpect: 100-continue")),
            post("HTTP/1.1", &format!("{good}\r\nconnection: close")),
            post("HTTP/1.1", &format!("{good}\r\nidempotency-key: a\r\nidempotency-key: b")),
            post("HTTP/1.1", "host: a\r\ncontent-length: +2"),
            post("HTTP/1.1", "host: a\r\ncontent-length: 2, 2"),
            post("HTTP/1.1", "host: a\r\ncontent-length: 999999999"),
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
            "GET /api/v1/events/a%2fb/availability HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
            "GET /api/v1/events/a/availability HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n".to_owned(),
            format!("GET {RESERVE} HTTP/1.1\r\nhost: a\r\n\r\n"),
            "\u{0}\r\n\r\n".to_owned(),
        ] {
            assert_eq!(read_text(&odd), Read::Other, "{odd}");
        }
    }
}
