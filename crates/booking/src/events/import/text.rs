//! What a spreadsheet or an editor saved, as text. Pure.
//!
//! Guarantees: no letter is replaced or lost: a byte that no known encoding explains is a mistake with its line.

use super::draft::LineError;

/// What the bytes 0x80 to 0x9F are in Windows-1252; the rest of it is Latin-1. NUL stands for what it leaves undefined.
const WINDOWS_1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“', '”', '•',
    '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// A file as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text, without a byte order mark.
    pub text: String,
    /// What it was taken for.
    pub encoding: &'static str,
}

/// Reads UTF-8, UTF-16 with a byte order mark, or else Windows-1252 (which has Latin-1 in it).
///
/// # Errors
/// The first byte that makes no sense.
pub fn read_text(bytes: &[u8]) -> Result<Text, LineError> {
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return utf16(rest, u16::from_le_bytes, "UTF-16");
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return utf16(rest, u16::from_be_bytes, "UTF-16");
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Text { text: text.to_owned(), encoding: "UTF-8" }),
        Err(_) => windows_1252(bytes),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, encoding: &'static str) -> Result<Text, LineError> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let text = String::from_utf16(&pairs.iter().map(|pair| unit(*pair)).collect::<Vec<_>>());
    match text {
        Ok(text) if odd.is_empty() => Ok(Text { text, encoding }),
        _ => Err(unreadable(1, "The file begins like UTF-16, and is not")),
    }
}

fn windows_1252(bytes: &[u8]) -> Result<Text, LineError> {
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    let mut line = 1;
    for &byte in bytes {
        let read = match byte {
            0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
            _ => char::from(byte),
        };
        if read == '\0' {
            return Err(unreadable(line, &format!("The byte 0x{byte:02X} is no letter of UTF-8 or Windows-1252")));
        }
        line += u64::from(byte == b'\n');
        text.push(read);
    }
    Ok(Text { text, encoding: "Windows-1252" })
}

fn unreadable(line: u64, what: &str) -> LineError {
    LineError { line, detail: format!("{what}: save the file as \"CSV UTF-8\", please") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spreadsheets_save_is_the_same_text() {
        let utf16 = |to_bytes: fn(u16) -> [u8; 2]| "\u{feff}Ä;€".encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>();
        for (bytes, encoding) in [
            ("Ä;€".as_bytes().to_vec(), "UTF-8"),
            ("\u{feff}Ä;€".as_bytes().to_vec(), "UTF-8"),
            (utf16(u16::to_le_bytes), "UTF-16"),
            (utf16(u16::to_be_bytes), "UTF-16"),
            (b"\xc4;\x80".to_vec(), "Windows-1252"),
        ] {
            assert_eq!(read_text(&bytes), Ok(Text { text: "Ä;€".to_owned(), encoding }));
        }
    }

    #[test]
    fn what_no_encoding_explains_has_its_line() {
        let error = read_text(b"a\nb\n\xc4\x81\xff").expect_err("undefined");
        assert_eq!((error.line, error.detail.contains("0x81")), (3, true), "{error}");
        assert_eq!(read_text(b"\xff\xfea").expect_err("half a unit").line, 1);
        assert!(read_text(b"a\0\xff").is_err());
    }
}
