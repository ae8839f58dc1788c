//! Content negotiation and conditional requests (RFC 9110). A document is answered in an encoding that the client
//! accepts, or with 304 where the client has it already.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::reply::push_status;
use super::timing::push_number;
use crate::document::{Document, Encoded};
use fairgate_core::fields::{self, accepts, names_tag};

/// The answer to a request: in an encoding it accepts, or 304.
#[must_use]
pub(super) fn answer(document: &Document, request: &HeaderMap) -> Response {
    let encoded = pick(document, fields::first(request, &ACCEPT_ENCODING).unwrap_or_default());
    let is_known = fields::values(request, &IF_NONE_MATCH).any(|tags| names_tag(tags, &encoded.etag));
    let mut response =
        if is_known { StatusCode::NOT_MODIFIED.into_response() } else { encoded.body.clone().into_response() };
    let headers = response.headers_mut();
    headers.insert(ETAG, etag(&encoded.etag));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(document.cache_control));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(document.content_type));
    if let Some(encoding) = encoded.encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// Appends the same answer as HTTP/1.1, for a client that accepts these encodings and knows these bodies; `more` appends
/// further header lines. Says which status it is.
pub(super) fn write(
    document: &Document,
    out: &mut Vec<u8>,
    (accepted, known): (&[u8], &[u8]),
    more: impl FnOnce(&mut Vec<u8>),
) -> StatusCode {
    let encoded = pick(document, accepted);
    let status = if names_tag(known, &encoded.etag) { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    push_status(out, status);
    push_lines(out, document, encoded);
    more(out);
    if status == StatusCode::OK {
        out.extend_from_slice(b"content-length: ");
        push_number(out, encoded.body.len() as u64);
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&encoded.body);
    } else {
        out.extend_from_slice(b"\r\n");
    }
    status
}

fn push_lines(out: &mut Vec<u8>, document: &Document, encoded: &Encoded) {
    let (kept, kind) = (document.cache_control.as_bytes(), document.content_type.as_bytes());
    let lines: [&[u8]; 7] = [
        b"vary: accept-encoding\r\netag: ",
        &encoded.etag,
        b"\r\ncache-control: ",
        kept,
        b"\r\ncontent-type: ",
        kind,
        b"\r\n",
    ];
    lines.iter().for_each(|part| out.extend_from_slice(part));
    if let Some(encoding) = encoded.encoding {
        ["content-encoding: ", encoding, "\r\n"].iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    }
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

    #[test]
    fn both_servers_write_the_same_header_lines() {
        let document = Document::new("text/plain", "no-cache", "fair ".repeat(1000), Effort::Once);
        let mut out = Vec::new();
        assert_eq!(write(&document, &mut out, (b"br", b""), |_| ()), StatusCode::OK);
        let text = String::from_utf8_lossy(&out);
        let general = answer(&document, &request(&[(ACCEPT_ENCODING, "br")]));
        for (name, value) in general.headers() {
            assert!(text.contains(&format!("\r\n{name}: {}\r\n", value.to_str().expect("plain"))), "{name}: {text}");
        }
    }
}
