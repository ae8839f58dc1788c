//! An answer that is the same for everybody: compressed once, checked by ETag, never made per request.

use std::io::Write;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use ring::digest::{SHA256, digest};

use super::http::reply::push_status;
use crate::fields::{self, accepts, names_tag};

/// Smaller bodies do not get smaller by more than their headers.
const COMPRESS_FROM_BYTES: usize = 1024;

/// A body in the encodings that pay.
#[derive(Clone, Debug)]
pub struct Document {
    content_type: HeaderValue,
    cache_control: HeaderValue,
    plain: Encoded,
    gzip: Option<Encoded>,
    brotli: Option<Encoded>,
}

/// How hard a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// It is made once and asked for often.
    Once,
    /// It is made a few times a second.
    Often,
}

#[derive(Clone, Debug)]
struct Encoded {
    encoding: Option<&'static str>,
    body: Bytes,
    etag: HeaderValue,
    /// The header lines as they are sent, made once.
    lines: Bytes,
    /// The last one, and the end of the head.
    length_line: Bytes,
}

impl Document {
    /// Compresses a body.
    #[must_use]
    pub fn new(
        content_type: &'static str,
        cache_control: &'static str,
        body: impl Into<Bytes>,
        effort: Effort,
    ) -> Self {
        let body: Bytes = body.into();
        let about = format!("cache-control: {cache_control}\r\ncontent-type: {content_type}\r\n");
        let pays = |encoding, pack: fn(&[u8], Effort) -> Vec<u8>| {
            let packed = if body.len() < COMPRESS_FROM_BYTES { Vec::new() } else { pack(&body, effort) };
            (!packed.is_empty() && packed.len() < body.len()).then(|| Encoded::new(Some(encoding), packed, &about))
        };
        Self {
            gzip: pays("gzip", gzip),
            brotli: pays("br", brotli),
            plain: Encoded::new(None, body, &about),
            content_type: HeaderValue::from_static(content_type),
            cache_control: HeaderValue::from_static(cache_control),
        }
    }

    /// The body as it is.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.plain.body
    }

    /// The answer to a request: in an encoding it accepts, or 304.
    #[must_use]
    pub fn answer(&self, request: &HeaderMap) -> Response {
        let encoded = self.pick(fields::first(request, &ACCEPT_ENCODING).unwrap_or_default());
        let is_known = fields::values(request, &IF_NONE_MATCH).any(|tags| names_tag(tags, encoded.etag.as_bytes()));
        let mut response =
            if is_known { StatusCode::NOT_MODIFIED.into_response() } else { encoded.body.clone().into_response() };
        let headers = response.headers_mut();
        headers.insert(ETAG, encoded.etag.clone());
        headers.insert(CACHE_CONTROL, self.cache_control.clone());
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        if let Some(encoding) = encoded.encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }

    /// Appends the same answer as HTTP/1.1, for a client that accepts these encodings and knows these bodies; `more` appends
    /// further header lines. Says which status it is.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        (accepted, known): (&[u8], &[u8]),
        more: impl FnOnce(&mut Vec<u8>),
    ) -> StatusCode {
        let encoded = self.pick(accepted);
        let is_known = names_tag(known, encoded.etag.as_bytes());
        let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        push_status(out, status);
        out.extend_from_slice(&encoded.lines);
        more(out);
        if status == StatusCode::OK {
            out.extend_from_slice(&encoded.length_line);
            out.extend_from_slice(&encoded.body);
        } else {
            out.extend_from_slice(b"\r\n");
        }
        status
    }

    fn pick(&self, accepted: &[u8]) -> &Encoded {
        match (&self.brotli, &self.gzip) {
            (Some(brotli), _) if accepts(accepted, "br") => brotli,
            (_, Some(gzip)) if accepts(accepted, "gzip") => gzip,
            _ => &self.plain,
        }
    }
}

impl Encoded {
    fn new(encoding: Option<&'static str>, body: impl Into<Bytes>, about: &str) -> Self {
        let body = body.into();
        let etag = etag(&body);
        let mut lines = format!("vary: accept-encoding\r\netag: {}\r\n{about}", etag.to_str().unwrap_or_default());
        if let Some(encoding) = encoding {
            lines.extend(["content-encoding: ", encoding, "\r\n"]);
        }
        let length_line = format!("content-length: {}\r\n\r\n", body.len());
        Self { encoding, body, etag, lines: lines.into(), length_line: length_line.into() }
    }
}

/// A strong validator for a body.
fn etag(body: &[u8]) -> HeaderValue {
    let tag = format!("\"{}\"", hex::encode(&digest(&SHA256, body).as_ref()[..8]));
    HeaderValue::from_str(&tag).expect("hex in quotes")
}

fn gzip(body: &[u8], effort: Effort) -> Vec<u8> {
    let level = if effort == Effort::Once { Compression::best() } else { Compression::fast() };
    let mut encoder = GzEncoder::new(Vec::new(), level);
    // Writing to memory cannot fail.
    encoder.write_all(body).and_then(|()| encoder.finish()).unwrap_or_default()
}

fn brotli(body: &[u8], effort: Effort) -> Vec<u8> {
    let quality = if effort == Effort::Once { 9 } else { 3 };
    let mut packed = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut packed, 4096, quality, 22);
    let written = encoder.write_all(body);
    drop(encoder);
    if written.is_ok() { packed } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(http::HeaderName, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("plain"))).collect()
    }

    #[test]
    fn the_best_accepted_encoding_and_304() {
        let document = Document::new("text/plain", "no-cache", "fair ".repeat(1000), Effort::Once);
        let answer = document.answer(&request(&[(ACCEPT_ENCODING, "gzip, deflate, br;q=0.5")]));
        assert_eq!(answer.headers()[CONTENT_ENCODING], "br");
        let answer = document.answer(&request(&[(ACCEPT_ENCODING, "gzip, br;q=0")]));
        assert_eq!(answer.headers()[CONTENT_ENCODING], "gzip");
        let etag = answer.headers()[ETAG].to_str().expect("plain").to_owned();
        let again = request(&[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, &format!("\"x\", W/{etag}"))]);
        assert_eq!(document.answer(&again).status(), StatusCode::NOT_MODIFIED);
        let plain = document.answer(&request(&[(IF_NONE_MATCH, &etag)]));
        assert_eq!(plain.status(), StatusCode::OK, "another encoding is another body");
        assert!(!plain.headers().contains_key(CONTENT_ENCODING));
    }

    #[test]
    fn small_bodies_stay_as_they_are() {
        let document = Document::new("text/plain", "no-cache", "fair", Effort::Often);
        let answer = document.answer(&request(&[(ACCEPT_ENCODING, "br, gzip")]));
        assert!(!answer.headers().contains_key(CONTENT_ENCODING));
    }
}
