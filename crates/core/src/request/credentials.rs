//! What a request carries that is the gate's: its cookies, of any room.

/// What follows `fairgate-` in the gate's cookies.
const OURS: [&[u8]; 6] = [b"ticket-", b"pass-", b"me-", b"mail-", b"wait-", b"oidc-"];

/// True if a cookie's name is one of the gate's, of any room.
///
/// The shop never needs the fan's ticket or what the fan has shown, and gets the pass in a header of its own.
#[inline]
#[must_use]
pub fn is_gate_cookie(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"__Host-").unwrap_or(name);
    let Some(kind) = name.strip_prefix(b"fairgate-") else { return false };
    OURS.iter().any(|own| kind.starts_with(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_gates_cookies_by_their_names() {
        let shown = [&b"fairgate-me-final"[..], b"__Host-fairgate-mail-final", b"__Host-fairgate-oidc-club-AAAAAAAA"];
        for name in
            [&b"__Host-fairgate-pass-final"[..], b"fairgate-pass-final", b"fairgate-ticket-x"].into_iter().chain(shown)
        {
            assert!(is_gate_cookie(name), "{}", name.escape_ascii());
        }
        for name in [&b"fairgate-style"[..], b"", b"xfairgate-pass-final", b"\xfffairgate-pass-final"] {
            assert!(!is_gate_cookie(name), "{}", name.escape_ascii());
        }
    }
}
