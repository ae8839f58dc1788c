//! Answers of the gate itself, independent of the protocol that carries them.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, DATE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, SET_COOKIE,
};
use http::{Method, StatusCode, Version};
use jiff::fmt::rfc2822::DateTimePrinter;
use serde::Serialize;

const DATES: DateTimePrinter = DateTimePrinter::new();
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A whole answer. What it does not say (length, date, connection) belongs to whoever sends it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// Header fields, in order.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The beginning of the body, where many answers share it.
    pub(crate) shared: Bytes,
    /// The body, or the rest of it.
    pub(crate) body: Bytes,
}

impl Answer {
    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::with_capacity(8), shared: Bytes::new(), body: Bytes::new() }
    }

    /// A private JSON answer.
    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("answers have string keys and no failing serializers");
        Self::empty(status).header(CONTENT_TYPE, JSON).header(CACHE_CONTROL, NO_STORE).body(body)
    }

    /// After a form: back to a page of this origin.
    pub(super) fn see_other(path: &str) -> Self {
        Self::empty(StatusCode::SEE_OTHER).text(LOCATION, path).header(CACHE_CONTROL, NO_STORE)
    }

    /// To `OPTIONS`.
    pub(crate) fn options(allow: &'static str) -> Self {
        Self::empty(StatusCode::NO_CONTENT).header(ALLOW, HeaderValue::from_static(allow))
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// A body whose beginning is shared.
    pub(crate) fn shared_body(mut self, shared: Bytes, rest: Bytes) -> Self {
        (self.shared, self.body) = (shared, rest);
        self
    }

    /// The length of the body.
    pub(crate) fn body_bytes(&self) -> usize {
        self.shared.len() + self.body.len()
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A field whose value is computed; one that no header may hold is left out.
    pub(crate) fn text(self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => self.header(name, value),
            Err(_) => self,
        }
    }

    pub(crate) fn retry_after_ms(self, retry_after_ms: u64) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(retry_after_ms.div_ceil(1000).max(1)))
    }

    pub(crate) fn set_cookie(self, cookie: &str) -> Self {
        self.text(SET_COOKIE, cookie)
    }

    /// The whole answer, dated, as HTTP/1.1 for a connection that is kept.
    pub(crate) fn http1(self, now_ms: u64) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.body_bytes() + 512);
        self.text(DATE, &http_date(now_ms)).write_http1(&mut bytes, "keep-alive");
        bytes.freeze()
    }

    /// The whole answer as HTTP/1.1, for connections that Pingora does not serve.
    pub(crate) fn write_http1(&self, bytes: &mut BytesMut, connection: &str) {
        let reason = self.status.canonical_reason().unwrap_or_default();
        put(bytes, format_args!("HTTP/1.1 {} {reason}\r\n", self.status.as_str()));
        for (name, value) in &self.headers {
            bytes.put_slice(name.as_str().as_bytes());
            bytes.put_slice(b": ");
            bytes.put_slice(value.as_bytes());
            bytes.put_slice(b"\r\n");
        }
        if self.has_length() {
            put(bytes, format_args!("content-length: {}\r\n", self.body_bytes()));
        }
        put(bytes, format_args!("connection: {connection}\r\n\r\n"));
        bytes.put_slice(&self.shared);
        bytes.put_slice(&self.body);
    }

    /// True if the answer states a length: 204 and 304 have none.
    pub(crate) fn has_length(&self) -> bool {
        !matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }

    /// The bytes to send after the head, in order: none to `HEAD`. What is shared stays so over HTTP/2, where many may wait
    /// at once on one connection; over HTTP/1 one packet is worth a copy.
    pub(crate) fn body_for(&self, method: &Method, version: Version) -> [Bytes; 2] {
        if method == Method::HEAD {
            [Bytes::new(), Bytes::new()]
        } else if self.shared.is_empty() || version == Version::HTTP_2 {
            [self.shared.clone(), self.body.clone()]
        } else {
            [Bytes::new(), [&self.shared[..], &self.body].concat().into()]
        }
    }
}

fn put(bytes: &mut BytesMut, text: fmt::Arguments<'_>) {
    fmt::Write::write_fmt(bytes, text).expect("the buffer grows");
}

fn http_date(now_ms: u64) -> String {
    let now = i64::try_from(now_ms).ok().and_then(|now_ms| jiff::Timestamp::from_millisecond(now_ms).ok());
    DATES.timestamp_to_rfc9110_string(&now.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http() {
        assert_eq!(http_date(784_111_777_999), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
