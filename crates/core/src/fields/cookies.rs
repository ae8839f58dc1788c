//! Cookies: found, taken out, and put together into the one line that HTTP/1 has for them.
//!
//! Guarantees:
//! - a cookie is found and taken out whatever bytes stand in the others
//! - the cookies may be spread over many fields (HTTP/2 may send one field a cookie; RFC 9113, 8.2.3)
//! - cookies of others are passed on byte by byte, in order

use http::HeaderMap;
use http::header::{COOKIE, HeaderValue};

use super::list::{trim, values};

/// What is left of a request's cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// All of them, in at most one field: nothing is to be done.
    Untouched,
    /// These, as one line.
    Line(HeaderValue),
    /// None.
    Nothing,
}

/// The pairs of one field, `name=value` or a bare name.
#[inline]
pub fn pairs(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    field.split(|byte| *byte == b';').map(trim).filter(|pair| !pair.is_empty())
}

/// A pair's name.
#[inline]
#[must_use]
pub fn name(pair: &[u8]) -> &[u8] {
    trim(pair.split(|byte| *byte == b'=').next().unwrap_or_default())
}

/// The names of all cookies of a request; those that are not text are passed over.
pub fn names(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    values(headers, &COOKIE).flat_map(pairs).filter_map(|pair| str::from_utf8(name(pair)).ok())
}

/// The value of the first cookie of a name, in any of the request's fields.
#[inline]
#[must_use]
pub fn find<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h [u8]> {
    values(headers, &COOKIE).flat_map(pairs).find_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        (trim(&pair[..at]) == wanted.as_bytes()).then(|| trim(&pair[at + 1..]))
    })
}

/// The request's cookies without those whose names `is_ours` accepts.
#[must_use]
pub fn without(headers: &HeaderMap, is_ours: impl Fn(&[u8]) -> bool) -> Left {
    let has_ours = values(headers, &COOKIE).flat_map(pairs).any(|pair| is_ours(name(pair)));
    if !has_ours && values(headers, &COOKIE).count() <= 1 {
        return Left::Untouched;
    }
    let mut line = Vec::with_capacity(values(headers, &COOKIE).map(|field| field.len() + 2).sum());
    for pair in values(headers, &COOKIE).flat_map(pairs).filter(|pair| !is_ours(name(pair))) {
        if !line.is_empty() {
            line.extend_from_slice(b"; ");
        }
        line.extend_from_slice(pair);
    }
    // What was a field's value is one again.
    match HeaderValue::from_maybe_shared(bytes::Bytes::from(line)) {
        Ok(line) if !line.is_empty() => Left::Line(line),
        _ => Left::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[&[u8]]) -> HeaderMap {
        let values = fields.iter().map(|field| (COOKIE, HeaderValue::from_bytes(field).unwrap()));
        values.fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
    }

    fn strip(fields: &[&[u8]]) -> Left {
        without(&headers(fields), |name| name == b"pass")
    }

    fn line(text: &[u8]) -> Left {
        Left::Line(HeaderValue::from_bytes(text).unwrap())
    }

    #[test]
    fn finds_a_cookie_beside_any_bytes() {
        for fields in [
            &[&b"caf\xe9=\xff; pass=x.y.z"[..]][..],
            &[b"a=\xff", b"pass=x.y.z; b=1"],
            &[b"passx=1;\tpass = x.y.z ;"],
            &[b"pass; pass=x.y.z; pass=other"],
        ] {
            assert_eq!(find(&headers(fields), "pass"), Some(&b"x.y.z"[..]));
        }
        for fields in [&[&b"pas=x; xpass=y; pass2=z"[..]][..], &[b"pass"], &[b""], &[]] {
            assert_eq!(find(&headers(fields), "pass"), None);
        }
    }

    #[test]
    fn takes_out_its_own_and_passes_on_the_others_byte_by_byte() {
        assert_eq!(strip(&[b"a=1;b=\xff"]), Left::Untouched);
        assert_eq!(strip(&[]), Left::Untouched);
        assert_eq!(strip(&[b"a=\xff; pass=x;b=\xe9"]), line(b"a=\xff; b=\xe9"));
        assert_eq!(strip(&[b"a=1", b"b=\xff"]), line(b"a=1; b=\xff"));
        assert_eq!(strip(&[b"pass=x", b"=y; c"]), line(b"=y; c"));
        assert_eq!(strip(&[b"pass=x"]), Left::Nothing);
        assert_eq!(strip(&[b" pass ; "]), Left::Nothing);
        assert_eq!(strip(&[b"", b""]), Left::Nothing);
    }
}
