//! Content codings of a document whose end differs by visitor.
//!
//! The head is compressed once, as well as can be, and flushed to a byte boundary. The tail follows it as a stored
//! block of the same stream. The head's bytes are shared by all who get them; a request costs its tail and, for gzip,
//! the checksum of that.

use std::io::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::DeflateEncoder;

use fairgate_core::fields::accepts;

/// A content coding that a browser accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// The smallest coding that an `Accept-Encoding` header allows.
    pub(super) fn negotiate(accept_encoding: &[u8]) -> Self {
        if accepts(accept_encoding, "br") {
            Self::Brotli
        } else if accepts(accept_encoding, "gzip") {
            Self::Gzip
        } else {
            Self::Identity
        }
    }

    /// The value of `Content-Encoding`.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }
}

/// The part of a document that is the same for everyone, in every coding, ready to be continued.
#[derive(Debug)]
pub(super) struct Head {
    identity: Bytes,
    gzip: Bytes,
    brotli: Bytes,
    crc: crc32fast::Hasher,
}

impl Head {
    pub(super) fn compress(html: &[u8]) -> Self {
        let mut crc = crc32fast::Hasher::new();
        crc.update(html);
        Self {
            identity: Bytes::copy_from_slice(html),
            gzip: gzip_head(html).into(),
            brotli: brotli_head(html).into(),
            crc,
        }
    }

    /// What follows the head in one coding.
    pub(super) fn tail(&self, encoding: Encoding, tail: &[u8]) -> Bytes {
        let mut out = BytesMut::with_capacity(tail.len() + 64);
        match encoding {
            Encoding::Identity => out.put_slice(tail),
            Encoding::Gzip => self.put_gzip_tail(&mut out, tail),
            Encoding::Brotli => put_brotli_tail(&mut out, tail),
        }
        out.freeze()
    }

    /// The head in one coding: the same bytes for everybody, not a copy.
    pub(super) fn part(&self, encoding: Encoding) -> &Bytes {
        match encoding {
            Encoding::Identity => &self.identity,
            Encoding::Gzip => &self.gzip,
            Encoding::Brotli => &self.brotli,
        }
    }

    /// Stored deflate blocks (RFC 1951, 3.2.4) and the trailer of RFC 1952.
    fn put_gzip_tail(&self, out: &mut BytesMut, tail: &[u8]) {
        for chunk in tail.chunks(usize::from(u16::MAX)) {
            let len = chunk.len() as u16;
            out.put_u8(0x00); // not the last block, stored
            out.put_u16_le(len);
            out.put_u16_le(!len);
            out.put_slice(chunk);
        }
        out.put_slice(&[0x01, 0, 0, 0xff, 0xff]); // the last block, stored, empty
        let mut crc = self.crc.clone();
        crc.update(tail);
        out.put_u32_le(crc.finalize());
        out.put_u32_le((self.identity.len() + tail.len()) as u32);
    }
}

/// A gzip header without a time or name, and the deflated head up to a byte boundary.
fn gzip_head(html: &[u8]) -> Vec<u8> {
    let header = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff];
    let mut encoder = DeflateEncoder::new(header, Compression::best());
    infallible(encoder.write_all(html));
    infallible(encoder.flush());
    encoder.get_ref().clone()
}

/// The effort of brotli. Without the compiler's optimisations the best takes seconds at each start, for a page that is
/// a tenth smaller.
const BROTLI_QUALITY: u32 = if cfg!(debug_assertions) { 5 } else { 11 };

/// The head as brotli, up to a byte boundary.
fn brotli_head(html: &[u8]) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, BROTLI_QUALITY, 18);
    infallible(encoder.write_all(html));
    infallible(encoder.flush());
    encoder.get_ref().clone()
}

/// Uncompressed meta-blocks (RFC 7932, 9.2) and the empty last one.
fn put_brotli_tail(out: &mut BytesMut, tail: &[u8]) {
    for chunk in tail.chunks(1 << 16) {
        let header = ((chunk.len() as u32 - 1) << 3) | (1 << 19); // not last, four nibbles of length, uncompressed
        out.put_slice(&header.to_le_bytes()[..3]);
        out.put_slice(chunk);
    }
    out.put_u8(0x03); // last and empty
}

/// Writing to memory does not fail.
fn infallible(result: std::io::Result<()>) {
    debug_assert!(result.is_ok(), "{result:?}");
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    fn decoded(encoding: Encoding, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let read = match encoding {
            Encoding::Identity => std::io::copy(&mut &*body, &mut out).map(|read| read as usize),
            Encoding::Gzip => flate2::read::GzDecoder::new(body).read_to_end(&mut out),
            Encoding::Brotli => brotli::Decompressor::new(body, 4096).read_to_end(&mut out),
        };
        read.expect("a valid stream");
        out
    }

    #[test]
    fn the_smallest_accepted_coding_is_chosen() {
        assert_eq!(Encoding::negotiate(b"gzip, deflate, br, zstd"), Encoding::Brotli);
        assert_eq!(Encoding::negotiate(b"gzip;q=0.5, br;q=0"), Encoding::Gzip);
        assert_eq!(Encoding::negotiate(b"GZIP"), Encoding::Gzip);
        assert_eq!(Encoding::negotiate(b"deflate"), Encoding::Identity);
        assert_eq!(Encoding::negotiate(b""), Encoding::Identity);
    }

    #[test]
    fn a_tail_longer_than_one_block_survives() {
        let head = Head::compress(b"<html>");
        let tail: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for encoding in [Encoding::Brotli, Encoding::Gzip, Encoding::Identity] {
            let body = decoded(encoding, &[&head.part(encoding)[..], &head.tail(encoding, &tail)].concat());
            assert!(body == [b"<html>", tail.as_slice()].concat(), "{encoding:?}");
        }
    }

    proptest! {
        #[test]
        fn every_coding_decodes_to_head_and_tail(head in "\\PC{0,400}", tail in "\\PC{0,400}") {
            let compressed = Head::compress(head.as_bytes());
            for encoding in [Encoding::Brotli, Encoding::Gzip, Encoding::Identity] {
                let body = decoded(encoding, &[&compressed.part(encoding)[..], &compressed.tail(encoding, tail.as_bytes())].concat());
                prop_assert_eq!(String::from_utf8(body).unwrap(), format!("{head}{tail}"));
            }
        }
    }
}
