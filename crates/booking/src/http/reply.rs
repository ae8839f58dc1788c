//! An answer before it is HTTP, for the calls of a rush and for the routes alike.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::Full;

use crate::payment::StoredAnswer;
use crate::sale::queue::Timing;
use fairgate_problem::MEDIA_TYPE;

pub(super) const JSON: &str = "application/json";
/// As many header fields as an answer of a rush has, so that their map is made once.
pub(super) const HEADERS: usize = 8;

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

    /// As HTTP, the body in one piece.
    pub(super) fn whole(self) -> http::Response<Full<Bytes>> {
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        let mut response = http::Response::new(Full::new(Bytes::from(self.body)));
        (*response.status_mut(), *response.headers_mut()) = (self.status, headers);
        response
    }
}

impl From<&StoredAnswer> for Reply {
    fn from(StoredAnswer { status, body }: &StoredAnswer) -> Self {
        let content_type = if status.is_success() { JSON } else { MEDIA_TYPE };
        Self { content_type, ..Self::json(*status, body.clone()) }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let timing = self.timing;
        let mut response = self.whole().into_response();
        if let Some(timing) = timing {
            response.extensions_mut().insert(timing);
        }
        response
    }
}
