//! What a shop may make of a path besides the plain reading. The shop may decode it again, or take backslashes or
//! escaped slashes for slashes. It may drop empty segments and `;parameters`, take the beginning of `//x/y` for a
//! host, or do some of that.
//!
//! Guarantees:
//! - whatever a shop does of this, the names of the page that it arrives at are among the names of one reading, in
//!   that order
//! - the order and number of the shop's steps do not matter, since all of them only decode, cut and drop
//! - a path of which there is only one reading has none here, and costs one look at each byte

use super::path::BadTarget;

/// How often a path is decoded again. Nobody encodes a path that often by mistake.
pub(super) const LEVELS_MAX: usize = 4;

/// What else may be made of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Doubts {
    /// Every reading as its names, each behind a slash.
    pub(super) readings: Vec<String>,
    /// True if one reading begins with two slashes of any spelling, which a browser would take for another host.
    pub(super) leaves: bool,
}

/// The readings of a canonical path beside the decoded one.
pub(super) fn doubts(canonical: &str, decoded: &[u8]) -> Result<Doubts, BadTarget> {
    let mut doubts = Doubts::default();
    if is_doubtful(canonical, decoded) {
        doubts.add(decoded.to_vec(), Decoder::Strict)?;
        doubts.add(shortest(decoded), Decoder::Lenient)?;
    }
    Ok(doubts)
}

/// Who decodes a path again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decoder {
    Strict,
    /// Takes `%uXXXX` and overlong UTF-8, too.
    Lenient,
}

impl Doubts {
    fn add(&mut self, mut level: Vec<u8>, decoder: Decoder) -> Result<(), BadTarget> {
        for _ in 0..=LEVELS_MAX {
            self.readings.push(names(&level));
            self.leaves |= matches!(level.get(1), Some(b'/' | b'\\'));
            match decode_again(&level, decoder)? {
                Some(deeper) => level = deeper,
                None => return Ok(()),
            }
        }
        Err(BadTarget::TooDeep)
    }
}

/// The names of a path, between whatever anybody takes for their end.
fn names(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let mut names = String::with_capacity(text.len() + 1);
    for name in text.split(['/', '\\', ';', ':', '?', '#']).filter(|name| !name.is_empty()) {
        names.push('/');
        names.push_str(name);
    }
    names
}

fn is_doubtful(canonical: &str, decoded: &[u8]) -> bool {
    let marks = |byte: &u8| matches!(byte, b'\\' | b';' | b'?' | b'#');
    let has_empty = decoded.windows(2).any(|pair| pair == b"//");
    let is_escaped = canonical.contains('%');
    // What Windows has no name of.
    let is_blank = |segment: &[u8]| {
        let name = segment.split(|byte| *byte == b':').next().unwrap_or_default();
        !segment.is_empty() && name.iter().all(|byte| matches!(byte, b' ' | b'.'))
    };
    has_empty
        || decoded.split(|byte| *byte == b'/').any(is_blank)
        || decoded.iter().any(marks)
        || is_escaped && (canonical.contains("%2F") || has_escape(decoded) || has_overlong(decoded))
}

/// One more decoding; `None` where there is nothing to decode.
fn decode_again(bytes: &[u8], decoder: Decoder) -> Result<Option<Vec<u8>>, BadTarget> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if decoder == Decoder::Lenient
            && let Some(character) = unicode_escape(bytes, at)
        {
            decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            at += 6;
        } else if let Some(value) = escape_value(bytes, at) {
            decoded.push(value);
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    // A zero byte ends a path for whatever is written in C.
    if decoded.iter().any(u8::is_ascii_control) {
        return Err(BadTarget::ForbiddenByte);
    }
    let is_shorter = decoded.len() < bytes.len();
    Ok(is_shorter.then(|| if decoder == Decoder::Lenient { shortest(&decoded) } else { decoded }))
}

/// The value of `%XX`.
pub(super) fn escape_value(bytes: &[u8], at: usize) -> Option<u8> {
    let [b'%', high, low] = *bytes.get(at..at + 3)? else { return None };
    Some(hex_digit(high)? << 4 | hex_digit(low)?)
}

/// `%uXXXX`, which no standard has, but old servers of Microsoft's decode.
fn unicode_escape(bytes: &[u8], at: usize) -> Option<char> {
    let [b'%', b'u' | b'U', digits @ ..] = bytes.get(at..at + 6)? else { return None };
    let value = digits.iter().try_fold(0, |value, digit| Some(value << 4 | u32::from(hex_digit(*digit)?)))?;
    Some(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn has_escape(bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|at| escape_value(bytes, at).is_some() || unicode_escape(bytes, at).is_some())
}

/// How many bytes an overlong form of an ASCII character has here, and the character: what lenient decoders of UTF-8 make
/// of `%C0%AF`.
fn overlong(bytes: &[u8]) -> Option<(usize, u8)> {
    let tail = |byte: u8| (byte & 0xc0 == 0x80).then_some(byte & 0x3f);
    Some(match *bytes {
        [lead @ (0xc0 | 0xc1), last, ..] => (2, (lead & 1) << 6 | tail(last)?),
        [0xe0, high @ (0x80 | 0x81), last, ..] => (3, (high & 1) << 6 | tail(last)?),
        [0xf0, 0x80, high @ (0x80 | 0x81), last, ..] => (4, (high & 1) << 6 | tail(last)?),
        [0xf8, 0x80, 0x80, high @ (0x80 | 0x81), last, ..] => (5, (high & 1) << 6 | tail(last)?),
        [0xfc, 0x80, 0x80, 0x80, high @ (0x80 | 0x81), last, ..] => (6, (high & 1) << 6 | tail(last)?),
        _ => return None,
    })
}

fn has_overlong(bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|at| overlong(&bytes[at..]).is_some())
}

/// Every overlong form in its shortest one.
fn shortest(bytes: &[u8]) -> Vec<u8> {
    let mut short = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let (step, value) = overlong(&bytes[at..]).unwrap_or((1, byte));
        short.push(value);
        at += step;
    }
    short
}

#[cfg(test)]
mod tests {
    use super::super::path::Target;
    use super::*;

    fn doubts_of(raw: &str) -> Vec<String> {
        Target::parse(raw.as_bytes()).unwrap().doubts().to_vec()
    }

    #[test]
    fn plain_paths_have_one_reading() {
        for raw in ["/", "/a/b.c/", "/a%20b", "/caf%C3%A9", "/caf%E9", "/100%", "/100%25", "/a:b", "/a?b//c%2F;\\"] {
            assert_eq!(doubts_of(raw), [""; 0], "{raw}");
        }
    }

    #[test]
    fn every_reading_is_there() {
        for (raw, reading) in [
            ("//a", "/a"),
            ("//host/a", "/host/a"),
            ("/a//b/", "/a/b"),
            ("/a%2Fb", "/a/b"),
            ("/a%5Cb", "/a/b"),
            ("/;x/a", "/x/a"),
            ("/:x/a", "/x/a"),
            ("/a%3Fb", "/a/b"),
            ("/%2561", "/a"),
            ("/%25252561", "/a"),
            ("/%%361", "/a"),
            ("/%25u0061", "/a"),
            ("/b/%252e%252e/a", "/b/../a"),
            ("/b%C0%AFa", "/b/a"),
            ("/b%E0%80%AFa", "/b/a"),
            ("/%C0%A561", "/a"),
        ] {
            assert!(doubts_of(raw).iter().any(|doubt| doubt == reading), "{raw}: {:?}", doubts_of(raw));
        }
    }

    #[test]
    fn nobody_encodes_that_often() {
        let deep = format!("/%{}61", "25".repeat(LEVELS_MAX + 1));
        assert_eq!(Target::parse(deep.as_bytes()).unwrap_err(), BadTarget::TooDeep);
        assert_eq!(Target::parse(b"/a%2500b").unwrap_err(), BadTarget::ForbiddenByte);
    }
}
