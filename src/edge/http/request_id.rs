//! Request ids, in the gate's log and in those of the shop.
//!
//! Guarantees: an id has 1 to 64 characters of `A-Z a-z 0-9 . _ -`. The id that a proxy or the client gives is kept
//! if it has this form (`X-Request-Id`, else the trace id of `traceparent`). Otherwise the edge makes one that none
//! of its other requests has.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use fairgate_core::fields::values;

/// The field that it is read from, and in which the shop gets it.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const BYTES_MAX: usize = 64;

/// A request's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The id that the request came with, or a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self(taken_over(headers).unwrap_or_else(new))
    }

    /// For the shop.
    pub(crate) fn value(&self) -> HeaderValue {
        self.0.clone()
    }

    /// For the log.
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

fn taken_over(headers: &HeaderMap) -> Option<HeaderValue> {
    let plain = only(headers, &X_REQUEST_ID).filter(|id| is_name(id));
    let id = plain.or_else(|| only(headers, &TRACEPARENT).and_then(trace_of))?;
    HeaderValue::from_bytes(id).ok()
}

/// A name that is given twice names nothing.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut given = values(headers, name);
    let one = given.next()?;
    given.next().is_none().then_some(one)
}

fn is_name(id: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=BYTES_MAX).contains(&id.len()) && id.iter().all(is_plain)
}

/// The trace id of `version-trace-span-flags` (W3C Trace Context).
fn trace_of(header: &[u8]) -> Option<&[u8]> {
    let trace = header.get(3..35)?;
    let is_framed = header.len() >= 55 && [2, 35, 52].iter().all(|&at| header[at] == b'-');
    let is_hex = trace.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_framed && is_hex && trace.iter().any(|byte| *byte != b'0')).then_some(trace)
}

/// Four bytes that tell this process from others, and a count.
fn new() -> HeaderValue {
    static PROCESS: LazyLock<[u8; 4]> = LazyLock::new(|| {
        let [a, b, c, d, ..] = Uuid::new_v4().into_bytes();
        [a, b, c, d]
    });
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (mut bytes, mut digits) = ([0; 12], [0; 24]);
    bytes[..4].copy_from_slice(&*PROCESS);
    bytes[4..].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let written = hex::encode_to_slice(bytes, &mut digits);
    written.ok().and_then(|()| HeaderValue::from_bytes(&digits).ok()).unwrap_or(HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn id(fields: &[(HeaderName, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        RequestId::of(&headers).as_str().to_owned()
    }

    #[test]
    fn what_is_plain_is_taken_over() {
        assert_eq!(id(&[(X_REQUEST_ID, "Cdn_1.2-3"), (TRACEPARENT, TRACE)]), "Cdn_1.2-3");
        assert_eq!(id(&[(TRACEPARENT, TRACE)]), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn what_is_odd_is_not() {
        let long = "a".repeat(65);
        for odd in ["", "a b", "a\tb", "a=\"b\"", "a;b", "\u{e9}", &long] {
            assert_eq!(id(&[(X_REQUEST_ID, odd), (TRACEPARENT, TRACE)]), "4bf92f3577b34da6a3ce929d0e0e4736", "{odd:?}");
        }
        let zeros = TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        for odd in [&TRACE[..54], &TRACE.to_uppercase(), &TRACE.replace('-', "."), &zeros] {
            assert_eq!(id(&[(TRACEPARENT, odd)]).len(), 24, "{odd}");
        }
        let twice = [(X_REQUEST_ID, "a"), (X_REQUEST_ID, "b")];
        assert!(id(&twice) != id(&twice) && id(&twice).len() == 24, "each has one of its own");
    }
}
