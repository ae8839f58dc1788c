//! What a client prefers, by the weights it gives, and what it has already.

use super::list::{essence, items, trim};

/// `"pt-BR;q=0.8"` as `("pt-BR", 800)`; without a weight 1000. A weight that cannot be read counts as nothing.
#[must_use]
pub fn weighted(item: &[u8]) -> (&[u8], u32) {
    let parameters = item.split(|byte| *byte == b';').skip(1).map(trim);
    let weight = parameters.filter_map(|parameter| match parameter {
        [b'q' | b'Q', b'=', weight @ ..] => Some(thousandths(weight)),
        _ => None,
    });
    (essence(item), weight.last().unwrap_or(1000))
}

/// A `qvalue` (RFC 9110, 12.4.2) in thousandths.
fn thousandths(weight: &[u8]) -> u32 {
    let (whole, part) = match weight {
        [whole @ (b'0' | b'1')] => (*whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', part @ ..] => (*whole, part),
        [b'.', part @ ..] => (b'0', part),
        _ => return 0,
    };
    if !part.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let digits = part.iter().copied().chain(std::iter::repeat(b'0')).take(3);
    let part = digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    (u32::from(whole - b'0') * 1000 + part).min(1000)
}

/// True if one field of `Accept-Encoding` allows a coding by its name.
#[inline]
#[must_use]
pub fn accepts(accept_encoding: &[u8], coding: &str) -> bool {
    items(accept_encoding)
        .map(weighted)
        .any(|(name, quality)| quality > 0 && name.eq_ignore_ascii_case(coding.as_bytes()))
}

/// True if one field of `If-None-Match` names a tag (weak comparison, RFC 9110, 13.1.2).
#[inline]
#[must_use]
pub fn names_tag(if_none_match: &[u8], etag: &[u8]) -> bool {
    items(if_none_match).any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_thousandths() {
        for (item, name, quality) in [
            (&b"de"[..], &b"de"[..], 1000),
            (b" de ; q=0.8 ", b"de", 800),
            (b"de;Q=0.05", b"de", 50),
            (b"de;level=1;q=0.1234", b"de", 123),
            (b"de;level=1", b"de", 1000),
            (b"de;q=1.000", b"de", 1000),
            (b"de;q=1.9", b"de", 1000),
            (b"de;q=.5", b"de", 500),
            (b"de;q=", b"de", 0),
            (b"de;q=x", b"de", 0),
            (b"de;q=-1", b"de", 0),
            (b"de;q=\xff", b"de", 0),
            (b"\xff;q=0.5", b"\xff", 500),
            (b"", b"", 1000),
        ] {
            assert_eq!(weighted(item), (name, quality), "{}", item.escape_ascii());
        }
    }

    #[test]
    fn codings_are_found_beside_anything() {
        for field in [&b"br"[..], b"gzip, BR;q=0.1", b"\xff, br", b"gzip;q=0,br"] {
            assert!(accepts(field, "br"), "{}", field.escape_ascii());
        }
        for field in [&b""[..], b"br;q=0", b"br;q=0.000", b"brr", b"*", b"b\xffr"] {
            assert!(!accepts(field, "br"), "{}", field.escape_ascii());
        }
    }

    #[test]
    fn compares_tags_weakly() {
        for tags in [&b"\"1-2-0\""[..], b"W/\"1-2-0\"", b"\"x\", \"1-2-0\"", b"*", b"\"\xff\",\"1-2-0\""] {
            assert!(names_tag(tags, b"\"1-2-0\""), "{}", tags.escape_ascii());
        }
        for tags in [&b""[..], b"\"1-2-1\"", b"1-2-0", b"\"1-2-0\xff\""] {
            assert!(!names_tag(tags, b"\"1-2-0\""), "{}", tags.escape_ascii());
        }
    }
}
