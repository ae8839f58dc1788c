//! Requests that another site made a browser send, and redirects that would leave this one.

use super::host::canonical_host;
use super::path::Target;

/// True if a request that changes something may come from where it says it does.
///
/// Browsers state the site (`Sec-Fetch-Site`) or the origin. Programs that are no browsers state neither, and have no
/// cookies that another site could misuse.
#[must_use]
pub fn is_own_origin(sec_fetch_site: Option<&[u8]>, origin: Option<&[u8]>, host_header: &str) -> bool {
    match (sec_fetch_site, origin) {
        (Some(site), _) => matches!(site, b"same-origin" | b"none"),
        (None, Some(origin)) => origin_matches(origin, host_header),
        (None, None) => true,
    }
}

fn origin_matches(origin: &[u8], host_header: &str) -> bool {
    let origin = std::str::from_utf8(origin).unwrap_or_default();
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "http" => "80",
        "https" => "443",
        _ => return false,
    };
    match (canonical_host(authority), canonical_host(host_header)) {
        (Ok(theirs), Ok(ours)) => theirs == ours && port(authority, default_port) == port(host_header, default_port),
        _ => false,
    }
}

fn port<'a>(authority: &'a str, default: &'a str) -> &'a str {
    let after_host = authority.rfind(']').map_or(authority, |bracket| &authority[bracket + 1..]);
    after_host.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.is_empty()).unwrap_or(default)
}

/// Where to send a browser after a form: a path of this origin, in its canonical spelling. What anybody could take for
/// the beginning of another host is none.
#[must_use]
pub fn return_path(return_to: &str) -> Option<String> {
    if !return_to.starts_with('/') {
        return None;
    }
    let target = Target::parse(return_to.as_bytes()).ok()?;
    (!target.leaves()).then(|| target.as_str().to_owned())
}

/// The same for a target in its canonical spelling: the front page where it would leave.
#[must_use]
pub fn way_back(target: &str) -> &str {
    let could_leave = matches!(target.as_bytes().get(1), Some(b'/' | b'%'));
    if could_leave && return_path(target).is_none() { "/" } else { target }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_own_requests_from_foreign_ones() {
        let host = "shop.example:8443";
        let is_own_origin = |site: Option<&str>, origin: Option<&str>, host: &str| {
            super::is_own_origin(site.map(str::as_bytes), origin.map(str::as_bytes), host)
        };
        assert!(is_own_origin(None, None, host));
        assert!(is_own_origin(Some("same-origin"), Some("null"), host));
        assert!(is_own_origin(Some("none"), None, host));
        assert!(is_own_origin(None, Some("https://SHOP.example:8443"), host));
        assert!(is_own_origin(None, Some("https://shop.example"), "shop.example:443"));
        assert!(is_own_origin(None, Some("http://[::1]:80"), "[::1]"));
        for (site, origin) in [
            (Some("cross-site"), None),
            (Some("same-site"), Some("https://shop.example:8443")),
            (None, Some("null")),
            (None, Some("https://evil.example")),
            (None, Some("https://shop.example")),
            (None, Some("https://shop.example:8444")),
            (None, Some("https://shop.example:8443.evil.example")),
            (None, Some("file://shop.example:8443")),
            (None, Some("shop.example:8443")),
            (None, Some("")),
        ] {
            assert!(!is_own_origin(site, origin, host), "{site:?} {origin:?}");
        }
    }

    #[test]
    fn redirects_stay_on_this_origin() {
        assert_eq!(return_path("/tickets/%7Efinal?a=b").as_deref(), Some("/tickets/~final?a=b"));
        assert_eq!(return_path("/a//b%2Fc;d").as_deref(), Some("/a//b%2Fc;d"));
        assert_eq!((way_back("//evil.example/"), way_back("/a//b"), way_back("/%C3%A4")), ("/", "/a//b", "/%C3%A4"));
        for foreign in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "/%2f/evil.example",
            "/%5cevil.example",
            "/%255cevil.example",
            "/%252f/evil.example",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x=y",
            "/..//evil.example",
            "evil.example",
            "/\t/evil.example",
            "http:/evil.example",
        ] {
            assert_eq!(return_path(foreign), None, "{foreign:?}");
        }
    }
}
