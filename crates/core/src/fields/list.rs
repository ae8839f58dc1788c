//! Fields that are lists, and the items of a list.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

/// Without the spaces and tabs around it (`OWS`, RFC 9110, 5.6.3).
#[inline]
#[must_use]
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The values of all fields of a name, in the order of the message.
#[inline]
pub fn values<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'h [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes)
}

/// The value of the first field of a name.
#[inline]
#[must_use]
pub fn first<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    headers.get(name).map(HeaderValue::as_bytes)
}

/// The items of one field's list; empty ones are none (RFC 9110, 5.6.1.2). A comma in quotes ends an item, too: what is
/// looked for here are tokens, and half a quoted text is none.
#[inline]
pub fn items(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim).filter(|item| !item.is_empty())
}

/// The items of a list that may be spread over several fields.
#[inline]
pub fn list<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'h [u8]> {
    values(headers, name).flat_map(items)
}

/// What stands before the parameters: the media type of a `Content-Type`, the coding of an `Accept-Encoding`'s item.
#[inline]
#[must_use]
pub fn essence(item: &[u8]) -> &[u8] {
    trim(item.split(|byte| *byte == b';').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::header::VIA;

    use super::*;

    #[test]
    fn lists_go_over_fields_and_bytes() {
        let mut headers = HeaderMap::new();
        for value in [&b" a,\tb\xff ,,"[..], b"", b"c"] {
            headers.append(VIA, HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(list(&headers, &VIA).collect::<Vec<_>>(), [&b"a"[..], b"b\xff", b"c"]);
        assert_eq!(list(&headers, &VIA).next_back(), Some(&b"c"[..]));
        assert_eq!(list(&headers, &http::header::TE).next(), None);
    }

    #[test]
    fn parameters_are_not_of_the_essence() {
        assert_eq!(essence(b" text/html ;charset=\xe9"), b"text/html");
        assert_eq!(essence(b";"), b"");
        assert_eq!(trim(b" \t "), b"");
    }
}
