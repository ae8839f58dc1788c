//! What a request carries that is the gate's: its cookies, of any room.

/// True if a cookie's name is one of the gate's, of any room.
///
/// The shop never needs the fan's ticket, and gets the pass in a header of its own.
#[inline]
#[must_use]
pub fn is_gate_cookie(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"__Host-").unwrap_or(name);
    name.starts_with(b"fairgate-ticket-") || name.starts_with(b"fairgate-pass-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_gates_cookies_by_their_names() {
        for name in [&b"__Host-fairgate-pass-final"[..], b"fairgate-pass-final", b"fairgate-ticket-x"] {
            assert!(is_gate_cookie(name), "{}", name.escape_ascii());
        }
        for name in [&b"fairgate-style"[..], b"", b"xfairgate-pass-final", b"\xfffairgate-pass-final"] {
            assert!(!is_gate_cookie(name), "{}", name.escape_ascii());
        }
    }
}
