//! Content negotiation and conditional requests (RFC 9110). A document is answered in an encoding that the client
//! accepts, or with 304 where the client has it already.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;

use super::reply::HEADERS;
use crate::document::{Document, Encoded};
use fairgate_core::fields::{self, accepts, names_tag};

/// Read by Fastly, Varnish and others; a client has no use for it.
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// The answer to a request: in an encoding it accepts, or 304.
#[must_use]
pub(super) fn answer(document: &Document, request: &HeaderMap) -> Response {
    whole(document, request).into_response()
}

/// An answer whose body is in one piece: the document's own bytes.
pub(super) fn whole(document: &Document, request: &HeaderMap) -> http::Response<Full<Bytes>> {
    let encoded = pick(document, fields::first(request, &ACCEPT_ENCODING).unwrap_or_default());
    let is_known = fields::values(request, &IF_NONE_MATCH).any(|tags| names_tag(tags, &encoded.etag));
    let (status, body) =
        if is_known { (StatusCode::NOT_MODIFIED, Bytes::new()) } else { (StatusCode::OK, encoded.body.clone()) };
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(ETAG, etag(&encoded.etag));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(document.cache_control));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(document.content_type));
    if let Some(key) = &document.surrogate_key {
        headers.insert(SURROGATE_KEY, key.clone());
    }
    if let Some(encoding) = encoded.encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let mut response = http::Response::new(Full::new(body));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    response
}

fn pick<'a>(document: &'a Document, accepted: &[u8]) -> &'a Encoded {
    match (&document.brotli, &document.gzip) {
        (Some(brotli), _) if accepts(accepted, "br") => brotli,
        (_, Some(gzip)) if accepts(accepted, "gzip") => gzip,
        _ => &document.plain,
    }
}

fn etag(etag: &Bytes) -> HeaderValue {
    HeaderValue::from_maybe_shared(etag.clone()).expect("hex in quotes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Effort;

    fn request(headers: &[(http::HeaderName, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("plain"))).collect()
    }

    #[test]
    fn the_best_accepted_encoding_and_304() {
        let document = Document::new("text/plain", "no-cache", "fair ".repeat(1000), Effort::Once);
        let best = answer(&document, &request(&[(ACCEPT_ENCODING, "gzip, deflate, br;q=0.5")]));
        assert_eq!(best.headers()[CONTENT_ENCODING], "br");
        let gzip = answer(&document, &request(&[(ACCEPT_ENCODING, "gzip, br;q=0")]));
        assert_eq!(gzip.headers()[CONTENT_ENCODING], "gzip");
        let etag = gzip.headers()[ETAG].to_str().expect("plain").to_owned();
        let again = request(&[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, &format!("\"x\", W/{etag}"))]);
        assert_eq!(answer(&document, &again).status(), StatusCode::NOT_MODIFIED);
        let plain = answer(&document, &request(&[(IF_NONE_MATCH, &etag)]));
        assert_eq!(plain.status(), StatusCode::OK, "another encoding is another body");
        assert!(!plain.headers().contains_key(CONTENT_ENCODING));
    }

    #[test]
    fn small_bodies_stay_as_they_are() {
        let document = Document::new("text/plain", "no-cache", "fair", Effort::Often);
        let answer = answer(&document, &request(&[(ACCEPT_ENCODING, "br, gzip")]));
        assert!(!answer.headers().contains_key(CONTENT_ENCODING));
    }
}
