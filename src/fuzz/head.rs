//! The head of an HTTP/1 message, against the plainest reader there is: lines, and what stands before their first colon.

use fairgate_core::request::head::{HEAD_BYTES_MAX, HEADERS_MAX, Head, header_slots, read_head};

/// Reads a head from any bytes.
///
/// # Panics
/// When a head is taken whose end or framing another server could see elsewhere.
pub fn head(bytes: &[u8]) {
    let mut slots = header_slots();
    let Ok(Some(read)) = read_head(bytes, &mut slots) else { return };
    assert!(read.bytes <= bytes.len().min(HEAD_BYTES_MAX));
    assert!(read.headers.len() <= HEADERS_MAX);
    let whole = &bytes[..read.bytes];
    assert!(whole.ends_with(b"\r\n\r\n"));
    let end = whole.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
    // Empty lines before a request are skipped (RFC 9112, 2.2).
    let skipped = whole.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    assert!(end == Some(read.bytes) || skipped > 0, "the first empty line ends the head");
    check_framing(&read, &whole[skipped..]);
    // What follows a head does not change it, and no part of it is one.
    let mut again = header_slots();
    let alone = read_head(whole, &mut again).expect("still a head").expect("still whole");
    assert_eq!((alone.bytes, alone.content_length), (read.bytes, read.content_length));
    for end in [read.bytes - 1, read.bytes / 2] {
        assert!(!matches!(read_head(&bytes[..end], &mut header_slots()), Ok(Some(_))), "a part is no head");
    }
}

fn check_framing(read: &Head<'_, '_>, head: &[u8]) {
    let lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').skip(1).collect();
    let named = |name: &str| {
        let is_it = |line: &&&[u8]| {
            let before = line.split(|byte| *byte == b':').next().unwrap_or_default();
            before.trim_ascii().eq_ignore_ascii_case(name.as_bytes())
        };
        lines.iter().filter(is_it).count()
    };
    let (lengths, codings, hosts) = (named("content-length"), named("transfer-encoding"), named("host"));
    assert!(lengths + codings <= 1, "one framing");
    assert!(hosts == 1 || hosts == 0 && read.minor_version == 0, "one host");
    assert_eq!(read.content_length.is_none(), codings == 1, "chunked has no length");
    assert!(codings == 0 || read.minor_version == 1, "chunked needs HTTP/1.1");
    assert!(lines.iter().all(|line| line.is_empty() || line.ends_with(b"\r")), "lines end in CR LF");
}
