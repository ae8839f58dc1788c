//! The head of an HTTP/1 message, read so strictly that two servers cannot disagree on where it ends.
//!
//! Guarantees of [`read_head`]:
//! - at most one `Content-Length`, all digits, and never with `Transfer-Encoding`
//! - `Transfer-Encoding` only on HTTP/1.1, and only `chunked`
//! - exactly one `Host` on HTTP/1.1
//! - CRLF line ends, no folded lines, no space before a colon
//! - bounded in size and number
//!
//! Pingora reads the same bytes again after it, so nothing here is trusted twice. This check refuses what Pingora
//! would repair silently (both lengths, equal duplicates, bare LF).

use httparse::{EMPTY_HEADER, Header, Request, Status};

/// The most header fields that a request may have.
pub const HEADERS_MAX: usize = 100;

/// The longest head that is read: request line, fields and the empty line.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Why a message is refused before anything else looks at it. The connection is closed after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    /// Not HTTP/1.0 or HTTP/1.1, or not HTTP at all.
    #[error("this is not an HTTP/1.1 request")]
    Syntax,
    /// A CR without LF, or LF without CR.
    #[error("header lines must end in CR LF")]
    LineEnd,
    /// Over [`HEAD_BYTES_MAX`] or [`HEADERS_MAX`].
    #[error("the request has more than {HEADERS_MAX} header fields, or more than {HEAD_BYTES_MAX} bytes of them")]
    TooLarge,
    /// `Content-Length` together with `Transfer-Encoding`.
    #[error("Content-Length and Transfer-Encoding must not be sent together")]
    TwoFramings,
    /// Several `Content-Length` fields, or a list in one.
    #[error("Content-Length must be sent once")]
    SeveralLengths,
    /// A `Content-Length` that is not a plain number.
    #[error("Content-Length must be a number")]
    BadLength,
    /// `Transfer-Encoding` on HTTP/1.0, or anything but `chunked`.
    #[error("Transfer-Encoding must be chunked, and needs HTTP/1.1")]
    BadTransferEncoding,
    /// No `Host` on HTTP/1.1, or several.
    #[error("exactly one Host header is needed")]
    HostCount,
}

/// A whole head.
#[derive(Debug)]
pub struct Head<'b, 'h> {
    /// The method, as sent.
    pub method: &'b str,
    /// The request target, as sent.
    pub target: &'b str,
    /// HTTP/1.`minor`.
    pub minor_version: u8,
    /// The header fields, in order.
    pub headers: &'h [Header<'b>],
    /// How long the head is, the empty line included.
    pub bytes: usize,
    /// The body's length; `None` where it is chunked.
    pub content_length: Option<u64>,
}

/// Room for the header fields of one request.
#[inline]
#[must_use]
pub fn header_slots<'b>() -> [Header<'b>; HEADERS_MAX] {
    [EMPTY_HEADER; HEADERS_MAX]
}

/// Reads the head at the start of `bytes`; `None` while it is incomplete.
///
/// # Errors
/// [`BadHead`]: answer it and close the connection.
pub fn read_head<'b, 'h>(bytes: &'b [u8], slots: &'h mut [Header<'b>]) -> Result<Option<Head<'b, 'h>>, BadHead> {
    let mut request = Request::new(slots);
    let head_bytes = match request.parse(bytes) {
        Ok(Status::Complete(head_bytes)) if head_bytes <= HEAD_BYTES_MAX => head_bytes,
        Ok(Status::Complete(_)) => return Err(BadHead::TooLarge),
        Ok(Status::Partial) if bytes.len() >= HEAD_BYTES_MAX => return Err(BadHead::TooLarge),
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(BadHead::TooLarge),
        Err(_) => return Err(BadHead::Syntax),
    };
    check_line_ends(&bytes[..head_bytes])?;
    let (Some(method), Some(target), Some(minor_version)) = (request.method, request.path, request.version) else {
        return Err(BadHead::Syntax);
    };
    let headers: &'h [Header<'b>] = request.headers;
    check_host(headers, minor_version)?;
    let content_length = framing(headers, minor_version)?;
    Ok(Some(Head { method, target, minor_version, headers, bytes: head_bytes, content_length }))
}

impl Head<'_, '_> {
    /// True if the head has a field of this name.
    #[inline]
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name))
    }

    /// The only value of a field; `None` where it is absent or sent more than once.
    #[inline]
    #[must_use]
    pub fn only(&self, name: &str) -> Option<&[u8]> {
        let mut named = self.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        let value = named.next()?.value;
        named.next().is_none().then_some(value)
    }
}

fn values<'a>(headers: &'a [Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

/// Every LF has a CR before it, and there are no other CRs.
fn check_line_ends(head: &[u8]) -> Result<(), BadHead> {
    let mut ends = 0;
    for at in memchr::memchr_iter(b'\n', head) {
        if at == 0 || head[at - 1] != b'\r' {
            return Err(BadHead::LineEnd);
        }
        ends += 1;
    }
    if memchr::memchr_iter(b'\r', head).count() == ends { Ok(()) } else { Err(BadHead::LineEnd) }
}

fn check_host(headers: &[Header<'_>], minor_version: u8) -> Result<(), BadHead> {
    match values(headers, "host").count() {
        1 => Ok(()),
        0 if minor_version == 0 => Ok(()),
        _ => Err(BadHead::HostCount),
    }
}

fn framing(headers: &[Header<'_>], minor_version: u8) -> Result<Option<u64>, BadHead> {
    let mut lengths = values(headers, "content-length");
    let mut codings = values(headers, "transfer-encoding");
    match (lengths.next(), codings.next()) {
        (None, None) => Ok(Some(0)),
        (Some(_), Some(_)) => Err(BadHead::TwoFramings),
        (Some(_), None) if lengths.next().is_some() => Err(BadHead::SeveralLengths),
        (Some(length), None) => plain_number(length).map(Some),
        (None, Some(coding)) => {
            let plain = minor_version == 1 && coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
            if plain { Ok(None) } else { Err(BadHead::BadTransferEncoding) }
        }
    }
}

fn plain_number(value: &[u8]) -> Result<u64, BadHead> {
    if value.contains(&b',') {
        return Err(BadHead::SeveralLengths);
    }
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(BadHead::BadLength);
    }
    std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()).ok_or(BadHead::BadLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<(String, String, Option<u64>)>, BadHead> {
        let mut slots = header_slots();
        let head = read_head(bytes, &mut slots)?;
        Ok(head.map(|head| (head.method.to_owned(), head.target.to_owned(), head.content_length)))
    }

    #[test]
    fn reads_plain_requests() {
        let get = read(b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\nGET").unwrap().unwrap();
        assert_eq!(get, ("GET".to_owned(), "/a?b".to_owned(), Some(0)));
        let post = read(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-LENGTH: 12\r\n\r\n").unwrap().unwrap();
        assert_eq!(post.2, Some(12));
        let chunked = read(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n").unwrap().unwrap();
        assert_eq!(chunked.2, None);
        assert!(read(b"GET / HTTP/1.0\r\n\r\n").unwrap().is_some());
    }

    #[test]
    fn waits_for_the_rest() {
        let whole = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn refuses_ambiguous_framing() {
        let table: [(&str, BadHead); 20] = [
            ("Host: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n", BadHead::TwoFramings),
            ("Host: x\r\nTransfer-Encoding: chunked\r\ncontent-length: 3\r\n", BadHead::TwoFramings),
            ("Host: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n", BadHead::SeveralLengths),
            ("Host: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n", BadHead::SeveralLengths),
            ("Host: x\r\nContent-Length: 3, 3\r\n", BadHead::SeveralLengths),
            ("Host: x\r\nContent-Length: +3\r\n", BadHead::BadLength),
            ("Host: x\r\nContent-Length: -3\r\n", BadHead::BadLength),
            ("Host: x\r\nContent-Length: 0x3\r\n", BadHead::BadLength),
            ("Host: x\r\nContent-Length: \r\n", BadHead::BadLength),
            ("Host: x\r\nContent-Length: 99999999999999999999\r\n", BadHead::BadLength),
            ("Host: x\r\nTransfer-Encoding: gzip\r\n", BadHead::BadTransferEncoding),
            ("Host: x\r\nTransfer-Encoding: chunked, gzip\r\n", BadHead::BadTransferEncoding),
            ("Host: x\r\nTransfer-Encoding: xchunked\r\n", BadHead::BadTransferEncoding),
            ("Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", BadHead::BadTransferEncoding),
            ("", BadHead::HostCount),
            ("Host: x\r\nHost: y\r\n", BadHead::HostCount),
            ("Host: x\r\n folded\r\n", BadHead::Syntax),
            ("Host : x\r\n", BadHead::Syntax),
            ("Host: x\r\nA\0: b\r\n", BadHead::Syntax),
            ("Host: x\r\nA: b\0c\r\n", BadHead::Syntax),
        ];
        for (fields, wrong) in table {
            let request = format!("POST / HTTP/1.1\r\n{fields}\r\n");
            assert_eq!(read(request.as_bytes()), Err(wrong), "{request:?}");
        }
    }

    #[test]
    fn refuses_other_protocols_and_line_ends() {
        let table: [(&[u8], BadHead); 9] = [
            (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", BadHead::BadTransferEncoding),
            (b"GET / HTTP/1.1\nHost: x\n\n", BadHead::LineEnd),
            (b"GET / HTTP/1.1\r\nHost: x\n\r\n", BadHead::LineEnd),
            (b"\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", BadHead::LineEnd),
            (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", BadHead::Syntax),
            (b"GET /\r\n\r\n", BadHead::Syntax),
            (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", BadHead::Syntax),
            (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", BadHead::Syntax),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", BadHead::Syntax),
        ];
        for (request, wrong) in table {
            assert_eq!(read(request), Err(wrong), "{:?}", String::from_utf8_lossy(request));
        }
    }

    #[test]
    fn bounds_size_and_number() {
        let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(HEADERS_MAX));
        assert_eq!(read(many.as_bytes()), Err(BadHead::TooLarge));
        let long = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}", "b".repeat(HEAD_BYTES_MAX));
        assert_eq!(read(long.as_bytes()), Err(BadHead::TooLarge));
    }

    #[test]
    fn finds_a_field_that_is_sent_once() {
        let mut slots = header_slots();
        let head =
            read_head(b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 1\r\nb: 2\r\n\r\n", &mut slots).unwrap().unwrap();
        assert_eq!(head.only("a"), Some(&b"1"[..]));
        assert_eq!(head.only("b"), None);
        assert_eq!(head.only("c"), None);
    }
}
