//! Where a text stops being TOML: the first cause, in the words of whoever has to mend it.

use std::ops::Range;

/// Where to point, and what to do: at the bracket that is still open where the parser gave up, or where it gave up.
pub(super) fn cause(text: &str, gave_up: Range<usize>) -> (Range<usize>, String) {
    let end = gave_up.start.min(text.len());
    match open_bracket(text.as_bytes().get(..end).unwrap_or_default()) {
        Some((at, bracket)) => {
            let closing = if bracket == b'[' { ']' } else { '}' };
            (at..at + 1, format!("the {} of this line is not closed: add the {closing}", char::from(bracket)))
        }
        None => (gave_up, "see https://toml.io for the syntax".to_owned()),
    }
}

/// The innermost bracket of a value that is open at the end. Headers (`[room]`) begin their line, values do not.
fn open_bracket(text: &[u8]) -> Option<(usize, u8)> {
    let mut open: Vec<(usize, u8)> = Vec::new();
    let (mut at, mut begins_line) = (0, true);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'#' => at += line_bytes(&text[at..]),
            b'"' | b'\'' => {
                at += string_bytes(&text[at..], byte)?;
                begins_line = false;
                continue;
            }
            // A header, even where a value before it is not closed: no value of a configuration has an array in an array.
            b'[' if begins_line => {
                if !open.is_empty() {
                    return open.pop();
                }
                at += line_bytes(&text[at..]);
            }
            b'[' | b'{' => open.push((at, byte)),
            b']' | b'}' => match open.pop() {
                Some((at, b'[')) if byte == b'}' => return Some((at, b'[')),
                _ => {}
            },
            b'=' if !open.iter().any(|(_, bracket)| *bracket == b'{') && !open.is_empty() => return open.pop(),
            _ => {}
        }
        begins_line = text.get(at).is_some_and(|byte| *byte == b'\n') || (begins_line && byte.is_ascii_whitespace());
        at += 1;
    }
    open.pop()
}

/// The bytes before the end of the line.
fn line_bytes(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).unwrap_or(text.len())
}

/// The bytes of a string of one line or several; `None` where it does not end.
fn string_bytes(text: &[u8], quote: u8) -> Option<usize> {
    let triple = [quote; 3];
    if text.starts_with(&triple) {
        return memchr::memmem::find(text.get(3..)?, &triple).map(|end| end + 6);
    }
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate().skip(1) {
        match byte {
            b'\n' => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = quote == b'"',
            _ if byte == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<&str> {
        open_bracket(text.as_bytes()).map(|(at, _)| &text[at..])
    }

    #[test]
    fn the_bracket_that_is_open_is_found() {
        assert_eq!(at("hosts = [\"a\"\npaths = [\"/\"]\n"), Some("[\"a\"\npaths = [\"/\"]\n"));
        assert_eq!(at("x = [\n  \"a\", # ]\n"), Some("[\n  \"a\", # ]\n"));
        assert_eq!(at("x = { a = 1, b = [2 }\n"), Some("[2 }\n"));
        assert_eq!(at("x = [1\n[room]\n"), Some("[1\n[room]\n"));
    }

    #[test]
    fn brackets_in_strings_comments_and_headers_are_none() {
        for text in
            ["[a]\n[[b]]\nx = \"[\"\ny = '['\n", "# [\nx = [\"]\"]\n", "x = \"\"\"[\n[\"\"\"\n", "x = \"\\\"[\"\n"]
        {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
