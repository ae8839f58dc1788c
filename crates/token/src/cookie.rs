//! The cookies that carry a ticket, a pass, and what a fan has shown.
//!
//! Guarantees: over TLS all cookies have the `__Host-` prefix, so no other host or path can set or shadow them.
//! None is ever readable by a script or sent by another site's form.

use http::HeaderMap;

use fairgate_core::fields::cookies;

/// One cookie of a room: its name and how it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    secure: bool,
}

impl Cookie {
    /// The ticket's cookie. `secure` says whether the fan came by TLS.
    #[must_use]
    pub fn ticket(room: &str, secure: bool) -> Self {
        Self::new("ticket", room, secure)
    }

    /// The pass's cookie. `secure` says whether the fan came by TLS.
    #[must_use]
    pub fn pass(room: &str, secure: bool) -> Self {
        Self::new("pass", room, secure)
    }

    /// The cookie of what a fan has shown. `secure` says whether the fan came by TLS.
    #[must_use]
    pub fn me(room: &str, secure: bool) -> Self {
        Self::new("me", room, secure)
    }

    /// The cookie of a code that was asked for by mail. `secure` says whether the fan came by TLS.
    #[must_use]
    pub fn mail(room: &str, secure: bool) -> Self {
        Self::new("mail", room, secure)
    }

    /// The cookie of somebody who waits instead of working, and has no scripts. `secure` says whether the fan came by TLS.
    #[must_use]
    pub fn wait(room: &str, secure: bool) -> Self {
        Self::new("wait", room, secure)
    }

    fn new(kind: &str, room: &str, secure: bool) -> Self {
        // Browsers refuse the prefix without Secure, and Secure without TLS.
        let prefix = if secure { "__Host-" } else { "" };
        Self { name: format!("{prefix}fairgate-{kind}-{room}"), secure }
    }

    /// The cookie's name.
    #[inline]
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A `Set-Cookie` value that keeps the token for that long.
    #[must_use]
    pub fn set(&self, token: &str, max_age_s: u64) -> String {
        let secure = if self.secure { " Secure;" } else { "" };
        format!("{}={token}; Path=/; Max-Age={max_age_s};{secure} HttpOnly; SameSite=Lax", self.name)
    }

    /// A `Set-Cookie` value that removes it.
    #[must_use]
    pub fn clear(&self) -> String {
        self.set("", 0)
    }

    /// The cookie's value in a request. Tokens are ASCII: any other value is none of ours.
    #[inline]
    #[must_use]
    pub fn find<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        cookies::find(headers, &self.name).and_then(|value| std::str::from_utf8(value).ok())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::COOKIE;

    use super::*;

    #[test]
    fn carries_the_host_prefix_and_secure_over_tls_only() {
        assert_eq!(
            Cookie::ticket("final", true).set("abc", 60),
            "__Host-fairgate-ticket-final=abc; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            Cookie::pass("final", false).clear(),
            "fairgate-pass-final=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn is_found_by_its_whole_name() {
        let find = |header: &[u8]| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_bytes(header).unwrap())]);
            Cookie::pass("final", false).find(&headers).map(str::to_owned)
        };
        assert_eq!(find(b"a=b; fairgate-pass-final=x.y.z;c=d").as_deref(), Some("x.y.z"));
        assert_eq!(find(b"a=\xff; fairgate-pass-final=x.y.z").as_deref(), Some("x.y.z"), "whatever the others hold");
        assert_eq!(find(b"fairgate-pass-final2=x; xfairgate-pass-final=y"), None);
        assert_eq!(find(b"fairgate-pass-final=\xff"), None);
        assert_eq!(find(b"fairgate-pass-final"), None);
    }
}
