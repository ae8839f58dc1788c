//! A body that is the same for everybody: compressed once, with the validator by which a client knows it again.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderValue;
use ring::digest::{SHA256, digest};

/// Smaller bodies do not get smaller by more than their headers.
const COMPRESS_FROM_BYTES: usize = 1024;

/// A body in the encodings that pay.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it is, as a media type.
    pub content_type: &'static str,
    /// How long caches may keep it.
    pub cache_control: &'static str,
    /// The key by which a CDN is told to drop it (`Surrogate-Key`), where it has one.
    pub surrogate_key: Option<HeaderValue>,
    /// The body as it is.
    pub plain: Encoded,
    /// With gzip, where that is shorter.
    pub gzip: Option<Encoded>,
    /// With Brotli, where that is shorter.
    pub brotli: Option<Encoded>,
}

/// How hard a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// The document is made once and asked for often.
    Once,
    /// The document is made a few times a second.
    Often,
}

/// A body in one encoding.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The encoding's name; nothing for the body as it is.
    pub encoding: Option<&'static str>,
    /// The bytes.
    pub body: Bytes,
    /// A strong validator, in its quotes: ASCII.
    pub etag: Bytes,
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
        let pays = |encoding, pack: fn(&[u8], Effort) -> Vec<u8>| {
            let packed = if body.len() < COMPRESS_FROM_BYTES { Vec::new() } else { pack(&body, effort) };
            (!packed.is_empty() && packed.len() < body.len()).then(|| Encoded::new(Some(encoding), packed))
        };
        let (gzip, brotli) = (pays("gzip", gzip), pays("br", brotli));
        Self { content_type, cache_control, surrogate_key: None, plain: Encoded::new(None, body), gzip, brotli }
    }

    /// The same, which a CDN drops where it is told to purge what is of this event.
    #[must_use]
    pub fn of_event(mut self, slug: &str) -> Self {
        self.surrogate_key = HeaderValue::try_from(format!("event-{slug}")).ok();
        self
    }

    /// The body as it is.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.plain.body
    }
}

impl Encoded {
    fn new(encoding: Option<&'static str>, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let etag = format!("\"{}\"", hex::encode(&digest(&SHA256, &body).as_ref()[..8])).into();
        Self { encoding, body, etag }
    }
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

    #[test]
    fn a_body_is_compressed_where_that_pays() {
        let long = Document::new("text/plain", "no-cache", "fair ".repeat(1000), Effort::Once);
        assert!(long.gzip.is_some_and(|gzip| gzip.body.len() < 5000) && long.brotli.is_some());
        let short = Document::new("text/plain", "no-cache", "fair", Effort::Often);
        assert!(short.gzip.is_none() && short.brotli.is_none(), "small bodies stay as they are");
    }
}
