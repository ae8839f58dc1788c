//! One spelling for every request target: what is judged is what is forwarded.
//!
//! Guarantees:
//! - [`Target::parse`] is idempotent
//! - [`Target::as_str`] is the only thing the shop ever sees
//! - the path that routes are matched against ([`Target::decoded_path`]) is a function of those same bytes
//!
//! What no browser sends and two servers could read in two ways (dot segments, raw backslashes, control characters) is
//! refused. Browsers do send paths that shops may read in more than one way. Such a path comes with every reading
//! ([`Target::doubts`]), so that in doubt the room holds it. `docs/PATHS.md` has both lists.
//!
//! Only unreserved characters are decoded (RFC 3986, 6.2.2.2), hex digits upper-cased, and a percent sign that begins
//! no escape is escaped. The query is left alone.

use std::borrow::Cow;

use super::readings::{self, Doubts, escape_value};

/// The longest request target that is read at all.
pub const TARGET_BYTES_MAX: usize = 8 * 1024;

/// Why a request target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// Longer than [`TARGET_BYTES_MAX`].
    #[error("the request target is longer than {TARGET_BYTES_MAX} bytes; send less in the URL")]
    TooLong,
    /// Neither `/…` nor `http(s)://host/…`.
    #[error("the request target must be a path that starts with a slash")]
    NotAPath,
    /// A control character, space or byte beyond ASCII, raw or (control characters in the path) encoded.
    #[error("the request target holds a byte that must be percent-encoded, or that no URL may hold")]
    ForbiddenByte,
    /// A raw `\` in the path.
    #[error("the path holds a backslash")]
    Backslash,
    /// `.` or `..` as a segment, raw or encoded, with or without `;parameters`.
    #[error("the path holds a dot segment")]
    DotSegment,
    /// Escapes of escapes of escapes.
    #[error("the path is percent-encoded more than {} times", readings::LEVELS_MAX)]
    TooDeep,
}

/// A request target in its canonical spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'r> {
    text: Cow<'r, str>,
    path_bytes: usize,
    decoded_path: Option<String>,
    doubts: Doubts,
}

impl<'r> Target<'r> {
    /// Reads a target in origin form (`/path?query`) or absolute form (`http://host/path?query`; the authority is the
    /// caller's to compare with `Host`).
    ///
    /// # Errors
    /// [`BadTarget`] says what is wrong with it.
    pub fn parse(raw: &'r [u8]) -> Result<Self, BadTarget> {
        if raw.len() > TARGET_BYTES_MAX {
            return Err(BadTarget::TooLong);
        }
        let raw = std::str::from_utf8(raw).map_err(|_| BadTarget::ForbiddenByte)?;
        let raw = origin_form(raw)?;
        let path_end = raw.find('?').unwrap_or(raw.len());
        let (path, query) = raw.split_at(path_end);
        if !query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(BadTarget::ForbiddenByte);
        }
        let canonical = canonical_path(path)?;
        let decoded = decode(&canonical);
        check_segments(&decoded)?;
        let doubts = readings::doubts(&canonical, &decoded)?;
        let decoded_path = match decoded {
            Cow::Borrowed(_) => None,
            Cow::Owned(decoded) => Some(String::from_utf8_lossy(&decoded).into_owned()),
        };
        let path_bytes = canonical.len();
        let text = match canonical {
            Cow::Borrowed(_) => Cow::Borrowed(raw),
            Cow::Owned(path) => Cow::Owned(path + query),
        };
        Ok(Self { text, path_bytes, decoded_path, doubts })
    }

    /// The canonical target: the bytes to forward.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path of the canonical target.
    #[inline]
    #[must_use]
    pub fn path(&self) -> &str {
        &self.text[..self.path_bytes]
    }

    /// The query, without its question mark.
    #[inline]
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.text[self.path_bytes..].strip_prefix('?')
    }

    /// The path as the shop will understand it once it decodes it: what routes are matched against. Bytes that are not
    /// UTF-8 stand as U+FFFD.
    #[inline]
    #[must_use]
    pub fn decoded_path(&self) -> &str {
        self.decoded_path.as_deref().unwrap_or_else(|| self.path())
    }

    /// What else a shop may make of the path, as the names in it; empty for nearly all. A shop may drop any of the names.
    #[inline]
    #[must_use]
    pub fn doubts(&self) -> &[String] {
        &self.doubts.readings
    }

    /// True if a browser that is sent there could take the beginning of the path for another host.
    #[inline]
    #[must_use]
    pub fn leaves(&self) -> bool {
        self.doubts.leaves
    }
}

/// `/path?query` of a target in origin or absolute form.
fn origin_form(raw: &str) -> Result<&str, BadTarget> {
    if raw.starts_with('/') {
        return Ok(raw);
    }
    let (scheme, rest) = raw.split_once("://").ok_or(BadTarget::NotAPath)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(BadTarget::NotAPath);
    }
    let authority_end = rest.find(['/', '?', '\\', '#']).unwrap_or(rest.len());
    let path = &rest[authority_end..];
    match path.as_bytes().first() {
        None => Ok("/"),
        Some(b'/') => Ok(path),
        Some(_) => Err(BadTarget::NotAPath),
    }
}

/// Decodes unreserved characters, upper-cases the hex digits of the others, escapes what is no escape.
fn canonical_path(path: &str) -> Result<Cow<'_, str>, BadTarget> {
    let bytes = path.as_bytes();
    if !bytes.contains(&b'%') {
        bytes.iter().try_for_each(|byte| check_raw(*byte))?;
        return Ok(Cow::Borrowed(path));
    }
    let mut canonical = String::with_capacity(path.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            check_raw(byte)?;
            canonical.push(char::from(byte));
            at += 1;
            continue;
        }
        // Browsers leave `100%` as it is, and every decoder that takes it reads a percent sign.
        let Some(value) = escape_value(bytes, at) else {
            push_escape(&mut canonical, b'%');
            at += 1;
            continue;
        };
        if value.is_ascii_control() {
            return Err(BadTarget::ForbiddenByte);
        }
        if is_unreserved(value) {
            canonical.push(char::from(value));
        } else {
            push_escape(&mut canonical, value);
        }
        at += 3;
    }
    Ok(if canonical == path { Cow::Borrowed(path) } else { Cow::Owned(canonical) })
}

fn check_raw(byte: u8) -> Result<(), BadTarget> {
    match byte {
        b'\\' => Err(BadTarget::Backslash),
        b'#' => Err(BadTarget::ForbiddenByte),
        byte if byte.is_ascii_graphic() => Ok(()),
        _ => Err(BadTarget::ForbiddenByte),
    }
}

fn push_escape(text: &mut String, value: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(char::from(HEX[usize::from(value >> 4)]));
    text.push(char::from(HEX[usize::from(value & 15)]));
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The fully decoded path.
fn decode(canonical: &str) -> Cow<'_, [u8]> {
    let bytes = canonical.as_bytes();
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let (value, step) = escape_value(bytes, at).map_or((byte, 1), |value| (value, 3));
        decoded.push(value);
        at += step;
    }
    Cow::Owned(decoded)
}

/// Dot segments are refused between slashes of any spelling, and with `;parameters`, a colon or spaces at their end.
/// Some servers drop those before they resolve the dots.
fn check_segments(decoded: &[u8]) -> Result<(), BadTarget> {
    let is_dots = |segment: &[u8]| {
        let name = segment.split(|byte| matches!(byte, b';' | b':')).next().unwrap_or_default();
        name.starts_with(b".") && name.iter().all(|byte| matches!(byte, b'.' | b' '))
    };
    let mut segments = decoded.split(|byte| matches!(byte, b'/' | b'\\'));
    if segments.any(is_dots) { Err(BadTarget::DotSegment) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(raw: &str) -> Result<String, BadTarget> {
        Target::parse(raw.as_bytes()).map(|target| target.as_str().to_owned())
    }

    #[test]
    fn keeps_what_is_canonical() {
        for raw in [
            "/",
            "/a/b/",
            "/a?x=//&y=%2f\\",
            "/caf%C3%A9",
            "/a;v=1/b",
            "/a.b/..c/.d",
            "/a%20b",
            "/%25",
            "//a//",
            "/a%2Fb%5C",
        ] {
            assert_eq!(canonical(raw).as_deref(), Ok(raw));
        }
    }

    #[test]
    fn decodes_unreserved_and_upper_cases_hex() {
        assert_eq!(canonical("/%61%2D%7e%5F").as_deref(), Ok("/a-~_"));
        assert_eq!(canonical("/caf%c3%a9?q=%c3").as_deref(), Ok("/caf%C3%A9?q=%c3"));
        assert_eq!(canonical("/%252e%252e/").as_deref(), Ok("/%252e%252e/"));
        assert_eq!(canonical("/100%/%zz/%%41%2").as_deref(), Ok("/100%25/%25zz/%25A%252"));
        assert_eq!(canonical("/caf%e9/%2f%5c").as_deref(), Ok("/caf%E9/%2F%5C"));
        assert_eq!(canonical("HTTP://Shop.example:80/a%41?b").as_deref(), Ok("/aA?b"));
        assert_eq!(canonical("http://shop.example").as_deref(), Ok("/"));
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        let table = [
            ("", BadTarget::NotAPath),
            ("a", BadTarget::NotAPath),
            ("*", BadTarget::NotAPath),
            ("ftp://shop/a", BadTarget::NotAPath),
            ("http://shop?x", BadTarget::NotAPath),
            ("/a\\b", BadTarget::Backslash),
            ("/a%00", BadTarget::ForbiddenByte),
            ("/a%0a", BadTarget::ForbiddenByte),
            ("/a%7f", BadTarget::ForbiddenByte),
            ("/a\0", BadTarget::ForbiddenByte),
            ("/a b", BadTarget::ForbiddenByte),
            ("/caf\u{e9}", BadTarget::ForbiddenByte),
            ("/a?b\u{e9}", BadTarget::ForbiddenByte),
            ("/a#b", BadTarget::ForbiddenByte),
            ("/.", BadTarget::DotSegment),
            ("/a/..", BadTarget::DotSegment),
            ("/a/..%20/b", BadTarget::DotSegment),
            ("/a/.../b", BadTarget::DotSegment),
            ("/a/..:x/b", BadTarget::DotSegment),
            ("/a/..%2fb", BadTarget::DotSegment),
            ("/a%5c..%5cb", BadTarget::DotSegment),
            ("/a/../b", BadTarget::DotSegment),
            ("/a/%2e%2E/b", BadTarget::DotSegment),
            ("/a/.%2e/b", BadTarget::DotSegment),
            ("/assets/..;/shop", BadTarget::DotSegment),
            ("/assets/..%3b/shop", BadTarget::DotSegment),
        ];
        for (raw, wrong) in table {
            assert_eq!(canonical(raw), Err(wrong), "{raw:?}");
        }
        assert_eq!(Target::parse(b"/\xff").unwrap_err(), BadTarget::ForbiddenByte);
        let long = format!("/{}", "a".repeat(TARGET_BYTES_MAX));
        assert_eq!(canonical(&long), Err(BadTarget::TooLong));
    }

    /// Strings made of the characters that matter, so that most of them are near an edge.
    fn tricky() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "/", "/", "/", "a", "B", ".", "..", "%2e", "%2E", "%2f", "%5c", "\\", "%", "%41", "%7e", "%c3%a9",
            "%C3%A9", "%00", ";", "%3b", "?", "#", " ", "é", "%25", "%252e", "http://", "x:1",
        ]);
        prop::collection::vec(pieces, 0..10).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn canonical_is_idempotent(raw in prop_oneof![tricky(), "/.{0,40}", ".{0,40}"]) {
            if let Ok(first) = Target::parse(raw.as_bytes()) {
                let second = Target::parse(first.as_str().as_bytes()).unwrap();
                prop_assert_eq!(first.as_str(), second.as_str());
                prop_assert_eq!(first.decoded_path(), second.decoded_path());
                prop_assert_eq!(first.query(), second.query());
            }
        }

        /// Two requests that the shop sees alike are judged alike.
        #[test]
        fn what_is_forwarded_alike_is_judged_alike(a in tricky(), b in tricky()) {
            if let (Ok(a), Ok(b)) = (Target::parse(a.as_bytes()), Target::parse(b.as_bytes()))
                && a.as_str() == b.as_str()
            {
                prop_assert_eq!(a.decoded_path(), b.decoded_path());
            }
        }

        #[test]
        fn what_passes_is_plain(raw in prop_oneof![tricky(), "/.{0,40}"]) {
            if let Ok(target) = Target::parse(raw.as_bytes()) {
                prop_assert!(target.as_str().starts_with('/'));
                prop_assert!(target.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                let path = target.decoded_path();
                prop_assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
            }
        }

        #[test]
        fn never_panics(raw in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Target::parse(&raw);
        }
    }
}
