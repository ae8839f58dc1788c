//! What a request carries: bearer tokens and cookies, read without copying.

/// The token of an `Authorization: Bearer` header.
#[must_use]
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// A `Cookie` header without the cookies whose names `is_ours` accepts; `None` where none is left.
///
/// The shop never needs the fan's ticket, and gets the pass in a header of its own.
#[must_use]
pub fn without_cookies(header: &str, is_ours: impl Fn(&str) -> bool) -> Option<String> {
    let theirs: Vec<&str> = header
        .split(';')
        .map(str::trim)
        .filter(|pair| !pair.is_empty() && !is_ours(pair.split('=').next().unwrap_or_default().trim()))
        .collect();
    (!theirs.is_empty()).then(|| theirs.join("; "))
}

/// Whether a cookie's name is one of the gate's, of any room.
#[must_use]
pub fn is_gate_cookie(name: &str) -> bool {
    let name = name.strip_prefix("__Host-").unwrap_or(name);
    name.starts_with("fairgate-ticket-") || name.starts_with("fairgate-pass-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_bearer_tokens() {
        assert_eq!(bearer("Bearer a.b.c"), Some("a.b.c"));
        assert_eq!(bearer("bearer  a.b.c "), Some("a.b.c"));
        for other in ["Basic a", "Bearer", "Bearer ", "a.b.c", ""] {
            assert_eq!(bearer(other), None, "{other:?}");
        }
    }

    #[test]
    fn keeps_the_shops_cookies_only() {
        let strip = |header| without_cookies(header, is_gate_cookie);
        assert_eq!(strip("a=1; __Host-fairgate-pass-final=x.y; b=2;fairgate-ticket-x=z").as_deref(), Some("a=1; b=2"));
        assert_eq!(strip("fairgate-ticket-final=x"), None);
        assert_eq!(strip(""), None);
        assert_eq!(strip("fairgate-style=dark; =x").as_deref(), Some("fairgate-style=dark; =x"));
    }
}
