//! Oversized header fields, most often cookies that scripts of the shop's pages have piled up.
//!
//! Guarantees: a person is told which cookies to delete. The answer names cookies, never values. It is made from what
//! was read, which is bounded.

use http::HeaderMap;
use http::header::{COOKIE, HeaderName, HeaderValue};

use super::answer::Answer;
use super::problem::Problem;
use fairgate_core::fields::{cookies, values};
use fairgate_core::request::decide::NAVIGATION;
use fairgate_core::request::head::HEAD_BYTES_MAX;

/// Cookies that are named.
const NAMED: usize = 5;

/// The answer to the beginning of an HTTP/1 head that goes on for too long.
pub(crate) fn answer(read: &[u8]) -> Answer {
    let headers = lenient(read);
    problem(&headers).told(&headers, || None)
}

/// The problem to tell of fields that are too long.
pub(crate) fn problem(headers: &HeaderMap) -> Problem {
    let mut largest: Vec<(usize, &[u8])> =
        values(headers, &COOKIE).flat_map(cookies::pairs).map(|pair| (pair.len(), cookies::name(pair))).collect();
    let cookie_bytes: usize = largest.iter().map(|(bytes, _)| bytes + 2).sum();
    if cookie_bytes < HEAD_BYTES_MAX / 2 {
        return fairgate_core::request::head::BadHead::TooLarge.into();
    }
    largest.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    let names = largest.iter().take(NAMED).map(|(_, name)| name.escape_ascii().to_string());
    Problem::TooManyCookies { kb: cookie_bytes.div_ceil(1024), largest: names.collect::<Vec<_>>().join(", ") }
}

/// True if fields are longer than an HTTP/1 head may be; HTTP/2 has other bounds.
pub(crate) fn is_overlong(headers: &HeaderMap) -> bool {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    bytes > HEAD_BYTES_MAX
}

/// The fields that the answer depends on, of lines that may be cut off at the end.
fn lenient(read: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in read.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let Ok(name) = HeaderName::from_bytes(&line[..colon]) else { continue };
        if name == COOKIE || NAVIGATION.contains(&name) {
            let Ok(value) = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()) else { continue };
            headers.append(&name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    #[test]
    fn a_person_is_told_which_cookies_to_delete() {
        let cookies =
            format!("small=1; tracker={}; \u{e9}={}; fairgate-pass-final=x", "a".repeat(20_000), "b".repeat(15_000));
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nCookie: {cookies}");
        let answer = super::answer(&head.as_bytes()[..33_000]);
        let page = String::from_utf8(answer.body.to_vec()).unwrap();
        assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert!(page.contains("<h1>") && page.contains("tracker, \\xc3\\xa9, small"), "{page}");
        assert!(!page.contains("aaaa"));
        let script = super::answer(&head.replace("text/html", "*/*").as_bytes()[..33_000]);
        assert!(script.body.starts_with(b"{") && !script.body.is_empty());
    }

    #[test]
    fn other_fields_are_not_cookies() {
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nA: {}", "a".repeat(40_000));
        let page = String::from_utf8(super::answer(head.as_bytes()).body.to_vec()).unwrap();
        assert!(!page.contains("cookie"), "{page}");
    }
}
