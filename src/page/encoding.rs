//! Content codings of a document whose end differs by visitor.
//!
//! The head is compressed once, as well as can be, and flushed to a byte boundary. The tail follows it in the same
//! stream: a visitor's own values as stored blocks, and what stands around them in gzip as blocks that were made once.
//! The head's bytes are shared by all who get them; a request costs its tail and, for gzip, the checksum of that.
//!
//! **Guarantees:**
//! - gzip is there from the beginning, and brotli soon after somebody has first asked for it: one thread makes it
//! - the bytes of a coding are the same at every edge and every time
//! - what is kept of a document is its two compressed forms; whoever takes none of them has it unpacked

use std::borrow::Cow;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, LazyLock, OnceLock};
use std::thread;

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::Compression;
use flate2::read::DeflateDecoder;
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

/// The part of a document that is the same for everyone, ready to be continued.
#[derive(Clone, Debug)]
pub(super) struct Head(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    gzip: Bytes,
    brotli: OnceLock<Bytes>,
    /// Brotli has been asked for.
    asked: AtomicBool,
    len: usize,
    crc: crc32fast::Hasher,
}

/// Documents that wait to be compressed. One that finds no room is asked for again by the next request.
const WAITING_MAX: usize = 256;

/// Compresses one document after the other. Without it all get gzip.
static COMPRESSOR: LazyLock<Option<SyncSender<Head>>> = LazyLock::new(|| {
    let (sender, waiting) = sync_channel::<Head>(WAITING_MAX);
    let compress = move || {
        for head in waiting {
            head.brotli();
        }
    };
    let started = thread::Builder::new().name("page-compressor".to_owned()).spawn(compress);
    started.ok().map(|_| sender)
});

impl Head {
    pub(super) fn new(html: &[u8]) -> Self {
        let mut crc = crc32fast::Hasher::new();
        crc.update(html);
        let gzip = gzip_head(html).into();
        Self(Arc::new(Kept { gzip, brotli: OnceLock::new(), asked: AtomicBool::new(false), len: html.len(), crc }))
    }

    /// The smallest coding that is there and that an `Accept-Encoding` header allows.
    pub(super) fn negotiate(&self, accept_encoding: &[u8]) -> Encoding {
        match Encoding::negotiate(accept_encoding) {
            Encoding::Brotli if self.0.brotli.get().is_none() => {
                self.ask();
                if accepts(accept_encoding, "gzip") { Encoding::Gzip } else { Encoding::Identity }
            }
            encoding => encoding,
        }
    }

    /// Has the brotli form made, once.
    fn ask(&self) {
        if self.0.asked.swap(true, Ordering::Relaxed) {
            return;
        }
        if COMPRESSOR.as_ref().is_none_or(|compressor| compressor.try_send(self.clone()).is_err()) {
            self.0.asked.store(false, Ordering::Relaxed);
        }
    }

    /// The brotli form; takes a while where it is not there yet.
    pub(super) fn brotli(&self) -> &Bytes {
        self.0.brotli.get_or_init(|| brotli_head(&self.unpacked()).into())
    }

    /// The head as it was given.
    fn unpacked(&self) -> Bytes {
        let stream = [self.0.gzip.get(GZIP_HEADER.len()..).unwrap_or_default(), &DEFLATE_END].concat();
        let mut html = Vec::with_capacity(self.0.len);
        infallible(DeflateDecoder::new(stream.as_slice()).read_to_end(&mut html).map(drop));
        html.into()
    }

    /// What follows the head in one coding.
    pub(super) fn tail(&self, encoding: Encoding, parts: &[Part<'_>]) -> Bytes {
        let text = || parts.iter().map(Part::text).collect::<String>();
        let mut out = BytesMut::with_capacity(parts.iter().map(|part| part.text().len()).sum::<usize>() + 64);
        match encoding {
            Encoding::Identity => out.put_slice(text().as_bytes()),
            Encoding::Gzip => self.put_gzip_tail(&mut out, parts),
            Encoding::Brotli => put_brotli_tail(&mut out, text().as_bytes()),
        }
        out.freeze()
    }

    /// The head in one coding: of the compressed ones the same bytes for everybody, not a copy.
    pub(super) fn part(&self, encoding: Encoding) -> Bytes {
        match encoding {
            Encoding::Identity => self.unpacked(),
            Encoding::Gzip => self.0.gzip.clone(),
            Encoding::Brotli => self.brotli().clone(),
        }
    }

    /// Deflate blocks (RFC 1951) and the trailer of RFC 1952.
    fn put_gzip_tail(&self, out: &mut BytesMut, parts: &[Part<'_>]) {
        let (mut crc, mut len) = (self.0.crc.clone(), self.0.len);
        for part in parts {
            match part {
                Part::Shared(fragment) => out.put_slice(&fragment.deflated),
                Part::Own(text) => put_stored(out, text.as_bytes()),
            }
            crc.update(part.text().as_bytes());
            len += part.text().len();
        }
        out.put_slice(&DEFLATE_END);
        out.put_u32_le(crc.finalize());
        out.put_u32_le(len as u32);
    }
}

/// A part of a tail.
#[derive(Clone, Debug)]
pub(super) enum Part<'t> {
    /// The same for everybody in the same state.
    Shared(&'t Fragment),
    /// One visitor's own.
    Own(Cow<'t, str>),
}

impl Part<'_> {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Shared(fragment) => &fragment.text,
            Self::Own(text) => text,
        }
    }
}

/// Text that stands between the values of visitors, compressed on its own.
#[derive(Debug)]
pub(super) struct Fragment {
    text: String,
    deflated: Vec<u8>,
}

impl Fragment {
    pub(super) fn new(text: &str) -> Self {
        let mut stored = BytesMut::new();
        put_stored(&mut stored, text.as_bytes());
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        infallible(encoder.write_all(text.as_bytes()));
        infallible(encoder.flush());
        let deflated = encoder.get_ref();
        let shorter = if deflated.len() < stored.len() { deflated.clone() } else { stored.to_vec() };
        Self { text: text.to_owned(), deflated: shorter }
    }
}

/// Stored deflate blocks, none of them the last (RFC 1951, 3.2.4).
fn put_stored(out: &mut BytesMut, text: &[u8]) {
    for chunk in text.chunks(usize::from(u16::MAX)) {
        let len = chunk.len() as u16;
        out.put_u8(0x00);
        out.put_u16_le(len);
        out.put_u16_le(!len);
        out.put_slice(chunk);
    }
}

/// A gzip header without a time or name (RFC 1952).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff];
/// The last block, stored and empty (RFC 1951, 3.2.4).
const DEFLATE_END: [u8; 5] = [0x01, 0, 0, 0xff, 0xff];

/// A gzip header, and the deflated head up to a byte boundary.
fn gzip_head(html: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(GZIP_HEADER.to_vec(), Compression::best());
    infallible(encoder.write_all(html));
    infallible(encoder.flush());
    encoder.get_ref().clone()
}

/// The effort of brotli. Without the compiler's optimisations the best takes seconds a page, which is a tenth smaller.
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
    fn brotli_comes_soon_after_it_is_asked_for_and_gzip_is_there_before() {
        let head = Head::new(b"<html>");
        assert_eq!(head.negotiate(b"gzip"), Encoding::Gzip);
        assert!(head.0.brotli.get().is_none() && !head.0.asked.load(Ordering::Relaxed), "nobody has asked for it");
        assert_eq!(head.negotiate(b"gzip, br"), Encoding::Gzip);
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while head.negotiate(b"gzip, br") != Encoding::Brotli {
            assert!(std::time::Instant::now() < until, "it never comes");
            thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(head.part(Encoding::Brotli), Head::new(b"<html>").part(Encoding::Brotli), "the same every time");
    }

    #[test]
    fn a_tail_longer_than_one_block_survives() {
        let head = Head::new(b"<html>");
        let own: String =
            (0..200_000u32).map(|i| char::from(b' ' + (i.wrapping_mul(2_654_435_761) >> 26) as u8)).collect();
        let shared = Fragment::new(&own);
        let tail = own.repeat(2);
        let parts = [Part::Own(own.as_str().into()), Part::Shared(&shared)];
        for encoding in [Encoding::Brotli, Encoding::Gzip, Encoding::Identity] {
            let body = decoded(encoding, &[&head.part(encoding)[..], &head.tail(encoding, &parts)].concat());
            assert!(body == [b"<html>", tail.as_bytes()].concat(), "{encoding:?}");
        }
    }

    proptest! {
        #[test]
        fn every_coding_decodes_to_head_and_tail(head in "\\PC{0,400}", own in "\\PC{0,400}", shared in "\\PC{0,400}") {
            let (fragment, tail) = (Fragment::new(&shared), format!("{shared}{own}{shared}"));
            let parts = [Part::Shared(&fragment), Part::Own(own.as_str().into()), Part::Shared(&fragment)];
            let compressed = Head::new(head.as_bytes());
            for encoding in [Encoding::Brotli, Encoding::Gzip, Encoding::Identity] {
                let body = decoded(encoding, &[&compressed.part(encoding)[..], &compressed.tail(encoding, &parts)].concat());
                prop_assert_eq!(String::from_utf8(body).unwrap(), format!("{head}{tail}"));
            }
        }
    }
}
