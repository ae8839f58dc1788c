//! What a browser sends that a person's browser does not, or leaves out what it sends.
//!
//! Guarantee: a browser is judged by the version that it claims; one that is not known is never asked for fields.

/// What is odd about the fields of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrowserFacts {
    /// `navigator.webdriver`, as the page says.
    pub is_webdriver: bool,
    /// The User-Agent says so.
    pub is_headless: bool,
    /// No `Accept-Language`.
    pub has_no_language: bool,
    /// No `Sec-Fetch-*` over TLS from a browser that sends them.
    pub has_no_fetch_fields: bool,
}

impl BrowserFacts {
    /// From a request's fields.
    #[must_use]
    pub fn of(user_agent: &str, has_language: bool, has_fetch_fields: bool, is_tls: bool, is_webdriver: bool) -> Self {
        Self {
            is_webdriver,
            is_headless: user_agent.to_ascii_lowercase().contains("headless"),
            has_no_language: !has_language,
            has_no_fetch_fields: is_tls && !has_fetch_fields && sends_fetch_fields(user_agent),
        }
    }
}

/// Whether the browser that a User-Agent claims sends `Sec-Fetch-*` to a trustworthy origin: Chromium 76, Firefox 90,
/// Safari 16.4 (MDN's compatibility data).
fn sends_fetch_fields(user_agent: &str) -> bool {
    // All browsers on iOS are Safari's engine, whatever they call themselves, and name its version or none.
    let is_ios = ["CriOS/", "FxiOS/", "EdgiOS/"].iter().any(|name| user_agent.contains(name));
    if is_ios {
        return false;
    }
    if let Some(version) = version(user_agent, "Chrome/").or_else(|| version(user_agent, "HeadlessChrome/")) {
        return version >= (76, 0);
    }
    if let Some(version) = version(user_agent, "Firefox/") {
        return version >= (90, 0);
    }
    let is_safari = user_agent.contains("Safari/");
    is_safari && version(user_agent, "Version/").is_some_and(|version| version >= (16, 4))
}

/// Major and minor version after a name.
fn version(user_agent: &str, name: &str) -> Option<(u32, u32)> {
    let (_, rest) = user_agent.split_once(name)?;
    let number = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut parts = number.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0);
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROME: &str =
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36";
    const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                          Version/16.4 Mobile/15E148 Safari/604.1";
    const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:90.0) Gecko/20100101 Firefox/90.0";

    #[test]
    fn old_and_unknown_browsers_are_not_asked_for_what_they_do_not_send() {
        for (user_agent, expected) in [
            (CHROME.to_owned(), true),
            (CHROME.replace("143.", "76."), true),
            (CHROME.replace("143.", "75."), false),
            (SAFARI.to_owned(), true),
            (SAFARI.replace("16.4", "16.3"), false),
            (SAFARI.replace("16.4", "26"), true),
            (SAFARI.replace("Version/16.4", "CriOS/143.0"), false),
            (FIREFOX.to_owned(), true),
            (FIREFOX.replace("90.0", "89.0"), false),
            ("Lynx/2.9".to_owned(), false),
            ("Chrome/".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(sends_fetch_fields(&user_agent), expected, "{user_agent}");
        }
    }

    #[test]
    fn each_fact_is_its_own() {
        let of = |user_agent: &str, language, fetch, tls, webdriver| {
            let facts = BrowserFacts::of(user_agent, language, fetch, tls, webdriver);
            [facts.is_webdriver, facts.is_headless, facts.has_no_language, facts.has_no_fetch_fields]
        };
        assert_eq!(of(CHROME, true, true, true, false), [false; 4]);
        assert_eq!(of(CHROME, true, true, true, true), [true, false, false, false]);
        assert_eq!(
            of(&CHROME.replace("Chrome", "HeadlessChrome"), true, true, true, false),
            [false, true, false, false]
        );
        assert_eq!(of(CHROME, false, true, true, false), [false, false, true, false]);
        assert_eq!(of(CHROME, true, false, true, false), [false, false, false, true]);
        assert_eq!(of(CHROME, true, false, false, false), [false; 4], "not over TLS");
    }
}
