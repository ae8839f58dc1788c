//! Header fields as HTTP has them: bytes.
//!
//! Guarantees:
//! - a field is never dropped, and nothing beside it is misread, for a byte that is not ASCII
//! - RFC 9110, 5.5, lets every field have such bytes, and browsers and proxies pass them on
//! - several fields of one name are one list
//! - nothing is copied to look something up
//!
//! Everything that splits, strips, joins or compares fields of clients does it here: the edge for HTTP/1 and HTTP/2, the
//! booking core for its own.

pub mod cookies;
mod list;
mod quality;

pub use list::{essence, first, items, list, trim, values};
pub use quality::{accepts, names_tag, weighted};

/// The token of an `Authorization: Bearer` field.
///
/// Tokens are ASCII (RFC 6750, 2.1): anything else is none.
#[inline]
#[must_use]
pub fn bearer(authorization: &[u8]) -> Option<&str> {
    let at = authorization.iter().position(|byte| *byte == b' ')?;
    let (scheme, token) = authorization.split_at(at);
    let token = trim(token);
    let is_token = scheme.eq_ignore_ascii_case(b"bearer") && !token.is_empty() && token.is_ascii();
    is_token.then(|| std::str::from_utf8(token).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_bearer_tokens() {
        assert_eq!(bearer(b"Bearer a.b.c"), Some("a.b.c"));
        assert_eq!(bearer(b"bearer  a.b.c "), Some("a.b.c"));
        for other in [&b"Basic a"[..], b"Bearer", b"Bearer ", b"a.b.c", b"", b"Bearer \xff", b"Be\xe9rer a"] {
            assert_eq!(bearer(other), None, "{other:?}");
        }
    }
}
