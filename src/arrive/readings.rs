//! What a shop may make of a path besides the plain reading: it may decode it again, take backslashes or escaped slashes
//! for slashes, drop empty segments and `;parameters`, or take the beginning of `//x/y` for a host.
//!
//! Guarantees: whatever a shop does of this, and however often, what it arrives at is among the readings or lies under one
//! of them in the sense of [`super::route`]; a path of which there is only one reading has none here, and costs one look
//! at each byte.

use super::path::BadTarget;

/// How often a path is decoded again. Nobody encodes a path that often by mistake.
pub(super) const LEVELS_MAX: usize = 4;

/// The readings of a canonical path beside the decoded one.
pub(super) fn doubts(canonical: &str, decoded: &[u8]) -> Result<Vec<String>, BadTarget> {
    if !is_doubtful(canonical, decoded) {
        return Ok(Vec::new());
    }
    let mut readings = Vec::new();
    let mut level = decoded.to_vec();
    for _ in 0..=LEVELS_MAX {
        push_readings(&mut readings, &level);
        match decode_again(&level)? {
            Some(deeper) => level = deeper,
            None => return Ok(readings),
        }
    }
    Err(BadTarget::TooDeep)
}

fn is_doubtful(canonical: &str, decoded: &[u8]) -> bool {
    let marks = |byte: &u8| matches!(byte, b'\\' | b';' | b'?' | b'#');
    let has_empty = decoded.windows(2).any(|pair| pair == b"//");
    let is_escaped = canonical.contains('%');
    let is_blank = |segment: &[u8]| !segment.is_empty() && segment.iter().all(|byte| *byte == b' ');
    has_empty
        || decoded.split(|byte| *byte == b'/').any(is_blank)
        || decoded.iter().any(marks)
        || is_escaped && (canonical.contains("%2F") || has_escape(decoded) || has_overlong(decoded))
}

/// The reading as it stands, the reading as a tidy server has it, and the one without a host in front.
fn push_readings(readings: &mut Vec<String>, level: &[u8]) {
    let text = String::from_utf8_lossy(level);
    let slashed = String::from_utf8_lossy(&shortest(level)).replace('\\', "/");
    if slashed.starts_with("//")
        && let Some((_, path)) = slashed.trim_start_matches('/').split_once('/')
    {
        readings.push(tidy(path));
    }
    readings.push(tidy(&slashed));
    readings.push(text.into_owned());
}

/// Without parameters, dot segments, and segments of which nothing is left for those who drop dots and spaces.
fn tidy(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        let name = segment.split(';').next().unwrap_or_default();
        if name.trim_end_matches(' ') == ".." {
            segments.pop();
        } else if !name.trim_end_matches(['.', ' ']).is_empty() {
            segments.push(name);
        }
    }
    format!("/{}", segments.join("/"))
}

/// One more decoding; `None` where there is nothing to decode.
fn decode_again(bytes: &[u8]) -> Result<Option<Vec<u8>>, BadTarget> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if let Some(character) = unicode_escape(bytes, at) {
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
    Ok((decoded.len() < bytes.len()).then_some(decoded))
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
            ("//host/a", "/a"),
            ("/a//b/", "/a/b"),
            ("/a%2Fb", "/a/b"),
            ("/a%5Cb", "/a/b"),
            ("/;x/a", "/a"),
            ("/b;x/a;y", "/b/a"),
            ("/%2561", "/a"),
            ("/%25252561", "/a"),
            ("/%%361", "/a"),
            ("/%25u0061", "/a"),
            ("/b/%252e%252e/a", "/a"),
            ("/b/..%252fa", "/b/../a"),
            ("/b%C0%AFa", "/b/a"),
            ("/b%E0%80%AFa", "/b/a"),
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
