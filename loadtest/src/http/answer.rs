//! Reading one answer from bytes: head, framing, body.

use super::connection::Fault;

const HEADERS_MAX: usize = 64;
const BODY_BYTES_MAX: usize = 64 << 20;

/// One complete answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after_ms: Option<u64>,
    /// Cookies to keep: name and value; an empty value takes the cookie away.
    pub(crate) cookies: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) keep_alive: bool,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// An answer whose head is complete, and the bytes of its body so far.
#[derive(Debug)]
pub(crate) struct Partial {
    answer: Answer,
    framing: Framing,
    head_bytes: usize,
}

impl Partial {
    /// Reads the head once it is complete; `None` while it is not. Interim (1xx) heads are cut off the buffer.
    pub(crate) fn read_head(buffer: &mut Vec<u8>) -> Result<Option<Self>, Fault> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut head = httparse::Response::new(&mut headers);
            let head_bytes = match head.parse(buffer).map_err(|_| Fault::Malformed("head"))? {
                httparse::Status::Partial => return Ok(None),
                httparse::Status::Complete(bytes) => bytes,
            };
            let status = head.code.unwrap_or_default();
            if (100..200).contains(&status) {
                buffer.drain(..head_bytes);
                continue;
            }
            let keep_alive_by_default = head.version == Some(1);
            return Self::from_head(status, keep_alive_by_default, head.headers, head_bytes).map(Some);
        }
    }

    fn from_head(
        status: u16,
        keep_alive: bool,
        headers: &[httparse::Header<'_>],
        head_bytes: usize,
    ) -> Result<Self, Fault> {
        let mut answer = Answer { status, keep_alive, ..Answer::default() };
        let mut framing = if matches!(status, 204 | 304) { Framing::Length(0) } else { Framing::UntilClose };
        for header in headers {
            let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
            match header.name.to_ascii_lowercase().as_str() {
                "content-length" if framing == Framing::UntilClose => {
                    framing = Framing::Length(value.parse().map_err(|_| Fault::Malformed("content-length"))?);
                }
                "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => framing = Framing::Chunked,
                "connection" if value.eq_ignore_ascii_case("close") => answer.keep_alive = false,
                "retry-after" => answer.retry_after_ms = value.parse::<u64>().ok().map(|seconds| seconds * 1_000),
                "set-cookie" => answer.cookies.extend(cookie(value)),
                _ => {}
            }
        }
        if matches!(framing, Framing::Length(bytes) if bytes > BODY_BYTES_MAX) {
            return Err(Fault::Malformed("body too large"));
        }
        Ok(Self { answer, framing, head_bytes })
    }

    /// Takes the answer out of the buffer once it is complete, or gives itself back.
    pub(crate) fn finish(mut self, buffer: &[u8], closed: bool) -> Result<Result<Answer, Self>, Fault> {
        let body = &buffer[self.head_bytes..];
        if body.len() > BODY_BYTES_MAX {
            return Err(Fault::Malformed("body too large"));
        }
        let decoded = match self.framing {
            Framing::Length(bytes) => body.get(..bytes).map(<[u8]>::to_vec),
            Framing::Chunked => join_chunks(body)?,
            Framing::UntilClose => closed.then(|| body.to_vec()),
        };
        match decoded {
            Some(body) => {
                self.answer.keep_alive &= self.framing != Framing::UntilClose && !closed;
                self.answer.body = body;
                Ok(Ok(self.answer))
            }
            None if closed => Err(Fault::CutOff),
            None => Ok(Err(self)),
        }
    }
}

/// The body of a chunked answer, or `None` while chunks are missing.
fn join_chunks(mut rest: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let mut body = Vec::new();
    loop {
        let malformed = Fault::Malformed("chunk");
        let (start, bytes) = match httparse::parse_chunk_size(rest).map_err(|_| Fault::Malformed("chunk size"))? {
            httparse::Status::Partial => return Ok(None),
            httparse::Status::Complete((start, bytes)) => (start, usize::try_from(bytes).unwrap_or(usize::MAX)),
        };
        if bytes > BODY_BYTES_MAX {
            return Err(malformed);
        }
        let Some(framed) = rest.get(start..start + bytes + 2) else { return Ok(None) };
        if !framed.ends_with(b"\r\n") {
            return Err(malformed);
        }
        if bytes == 0 {
            return Ok(Some(body));
        }
        body.extend_from_slice(&framed[..bytes]);
        rest = &rest[start + bytes + 2..];
    }
}

/// The name and value of a `Set-Cookie` line; an expired one gets an empty value.
fn cookie(line: &str) -> Option<(String, String)> {
    let mut parts = line.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let gone = parts.any(|attribute| attribute.trim().eq_ignore_ascii_case("max-age=0"));
    Some((name.trim().to_owned(), if gone { String::new() } else { value.trim().to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the bytes one by one, as the slowest network would.
    fn read_slowly(bytes: &[u8], closes: bool) -> Result<Option<Answer>, Fault> {
        let mut buffer = Vec::new();
        let mut partial = None;
        for (n, byte) in bytes.iter().enumerate() {
            buffer.push(*byte);
            let closed = closes && n + 1 == bytes.len();
            if partial.is_none() {
                partial = Partial::read_head(&mut buffer)?;
            }
            if let Some(waiting) = partial.take() {
                match waiting.finish(&buffer, closed)? {
                    Ok(answer) => return Ok(Some(answer)),
                    Err(still_waiting) => partial = Some(still_waiting),
                }
            }
        }
        Ok(None)
    }

    #[test]
    fn a_body_of_known_length() {
        let answer = read_slowly(
            b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nRetry-After: 7\r\nSet-Cookie: a=b; Path=/\r\n\
              set-cookie: gone=x; Max-Age=0\r\n\r\nbody",
            false,
        )
        .unwrap()
        .unwrap();
        assert_eq!((answer.status, answer.retry_after_ms, answer.keep_alive), (503, Some(7_000), true));
        assert_eq!(answer.cookies, [("a".to_owned(), "b".to_owned()), ("gone".to_owned(), String::new())]);
        assert_eq!(answer.body, b"body");
    }

    #[test]
    fn chunks_are_joined_and_interim_heads_skipped() {
        let bytes = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                      3\r\nabc\r\n1;ext\r\nd\r\n0\r\n\r\n";
        assert_eq!(read_slowly(bytes, false).unwrap().unwrap().body, b"abcd");
    }

    #[test]
    fn a_body_until_the_close_ends_the_connection() {
        let answer = read_slowly(b"HTTP/1.1 200 OK\r\n\r\nall of it", true).unwrap().unwrap();
        assert_eq!(answer.body, b"all of it");
        assert!(!answer.keep_alive);
        assert!(!read_slowly(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false).unwrap().unwrap().keep_alive);
    }

    #[test]
    fn an_answer_without_a_body_ends_with_its_head() {
        assert_eq!(read_slowly(b"HTTP/1.1 204 No Content\r\n\r\n", false).unwrap().unwrap().body, b"");
        assert_eq!(read_slowly(b"HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n", false).unwrap().unwrap().body, b"");
    }

    #[test]
    fn what_is_cut_off_or_garbled_is_a_fault() {
        assert!(matches!(read_slowly(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", true), Err(Fault::CutOff)));
        assert!(matches!(read_slowly(b"nonsense\r\n\r\n", false), Err(Fault::Malformed(_))));
        let chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n";
        assert!(matches!(read_slowly(chunk, false), Err(Fault::Malformed(_))));
        let huge = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
        assert!(matches!(read_slowly(huge, false), Err(Fault::Malformed(_))));
    }
}
