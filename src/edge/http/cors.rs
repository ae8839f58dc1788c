//! Cross-origin requests (CORS) to the gate and, through it, to the shop.
//!
//! Guarantees: only the origins that a room names may join, claim and leave with the fan's cookies. Public documents
//! may be read from any origin. A preflight has no cookies by its nature, so it goes to the shop without a pass. Of
//! the shop's answer only what it says about the preflight comes back.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ALLOW, CONTENT_LENGTH, DATE, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method, StatusCode};
use pingora::http::ResponseHeader;

use super::answer::Answer;
use fairgate_core::fields;

/// What is public may be read by scripts of any origin: whoever checks a draw may do it in a browser.
pub(crate) const ANYBODY: HeaderValue = HeaderValue::from_static("*");

/// The fields that a script of another origin may read, besides the body.
const EXPOSED: HeaderValue = HeaderValue::from_static("dpop-nonce, etag, ratelimit, ratelimit-policy, retry-after");

/// The request's origin, where it is one of the `names` that a room has.
pub(crate) fn named_origin(names: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN).filter(|_| !names.is_empty())?;
    names.iter().any(|name| name.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// True if a request is a CORS preflight: a browser asks what another origin's script may do.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight of one of the gate's own calls.
pub(crate) fn preflight(allow: &'static str) -> Answer {
    Answer::empty(StatusCode::NO_CONTENT)
        .header(ALLOW, HeaderValue::from_static(allow))
        .header(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(allow))
        .header(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type, dpop, if-none-match, range"),
        )
        .header(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"))
}

/// Lets a named origin's script read an answer of the gate.
pub(crate) fn open_to(origin: &HeaderValue, answer: &mut Answer) {
    answer.headers.retain(|(name, _)| name != ACCESS_CONTROL_ALLOW_ORIGIN);
    answer.headers.extend([
        (ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
        (ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")),
        (ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
        (VARY, HeaderValue::from_static("Origin")),
    ]);
}

/// Leaves of a shop's answer to a preflight what it says about it. Many shops answer a page to any method, and that page is
/// for those inside.
pub(crate) fn reduce(answer: &mut ResponseHeader) -> pingora::Result<()> {
    let is_kept = |name: &HeaderName| {
        name.as_str().starts_with("access-control-") || [ALLOW, VARY, DATE, RETRY_AFTER].contains(name)
    };
    let others: Vec<HeaderName> = answer.headers.keys().filter(|name| !is_kept(name)).cloned().collect();
    for name in &others {
        while answer.remove_header(name).is_some() {}
    }
    match answer.status {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => Ok(()),
        _ => answer.insert_header(CONTENT_LENGTH, 0),
    }
}

/// True if a request states a body, which a preflight has not.
pub(crate) fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(http::header::TRANSFER_ENCODING)
        || fields::list(headers, &CONTENT_LENGTH).any(|length| length != b"0")
}

const RETRY_AFTER: HeaderName = http::header::RETRY_AFTER;

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_TYPE, SET_COOKIE};

    use super::*;

    #[test]
    fn a_shops_answer_to_a_preflight_is_no_page() {
        let mut answer = ResponseHeader::build(200, None).unwrap();
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_ORIGIN, "https://www.shop.example"),
            (ALLOW, "PUT"),
            (SET_COOKIE, "session=1"),
            (CONTENT_TYPE, "text/html"),
            (CONTENT_LENGTH, "4000"),
        ] {
            answer.append_header(name, value).unwrap();
        }
        reduce(&mut answer).unwrap();
        let left: Vec<&str> = answer.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["access-control-allow-origin", "allow", "content-length"]);
        assert_eq!(answer.headers[CONTENT_LENGTH], "0");
    }
}
