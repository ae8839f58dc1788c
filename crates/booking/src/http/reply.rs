//! An answer before it is HTTP: the same for the quick way and for the general server.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use super::timing::push_number;
use crate::payment::StoredAnswer;
use crate::sale::queue::Timing;

pub(super) const JSON: &str = "application/json";
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// An answer for one fan; it must not be stored.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: String,
    pub(super) retry_after_s: Option<u32>,
    /// Where the time went, if something waited for the writer of an event.
    pub(super) timing: Option<Timing>,
}

impl Reply {
    /// A reply with a body that is not a problem.
    pub(super) fn json(status: StatusCode, body: String) -> Self {
        Self { status, content_type: JSON, body, retry_after_s: None, timing: None }
    }

    /// Appends the answer as HTTP/1.1; `more` appends the header lines that are the same for every kind of answer.
    pub(super) fn write(&self, out: &mut Vec<u8>, more: impl FnOnce(&mut Vec<u8>)) {
        push_status(out, self.status);
        for part in ["content-type: ", self.content_type, "\r\ncache-control: no-store\r\ncontent-length: "] {
            out.extend_from_slice(part.as_bytes());
        }
        push_number(out, self.body.len() as u64);
        if let Some(seconds) = self.retry_after_s {
            out.extend_from_slice(b"\r\nretry-after: ");
            push_number(out, seconds.into());
        }
        out.extend_from_slice(b"\r\n");
        more(out);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.body.as_bytes());
    }
}

/// Appends the status line.
pub(super) fn push_status(out: &mut Vec<u8>, status: StatusCode) {
    let reason = status.canonical_reason().unwrap_or_default();
    for part in ["HTTP/1.1 ", status.as_str(), " ", reason, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

impl From<&StoredAnswer> for Reply {
    fn from(StoredAnswer { status, body }: &StoredAnswer) -> Self {
        let content_type = if status.is_success() { JSON } else { PROBLEM_JSON };
        Self { content_type, ..Self::json(*status, body.clone()) }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let headers = [(CONTENT_TYPE, self.content_type), (CACHE_CONTROL, "no-store")];
        let mut response = (self.status, headers, self.body).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(timing) = self.timing {
            response.extensions_mut().insert(timing);
        }
        response
    }
}
