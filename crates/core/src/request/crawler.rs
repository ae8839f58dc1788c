//! Search engines' crawlers, by the names that they give.
//!
//! A waiting page is no page of the shop: a crawler that gets it with 200 takes the event's own page out of its index.
//! Crawlers that follow RFC 9309 all say who they are. They are told to come back, or get a page that the organizer
//! has made for them. Whoever borrows such a name gains nothing by it.

use http::HeaderMap;
use http::header::USER_AGENT;

use crate::fields;

/// Parts of names, in lower case. Programs that only preview a link get the waiting page: it says what the link leads to.
const NAMES: [&[u8]; 21] = [
    b"googlebot",
    b"google-inspectiontool",
    b"storebot-google",
    b"adsbot-google",
    b"bingbot",
    b"adidxbot",
    b"duckduckbot",
    b"applebot",
    b"yandex",
    b"baiduspider",
    b"yahoo! slurp",
    b"seznambot",
    b"qwant",
    b"petalbot",
    b"sogou",
    b"naver",
    b"yeti/",
    b"coccocbot",
    b"mojeekbot",
    b"ccbot",
    b"ia_archiver",
];

/// True if a search engine's crawler is asking.
#[must_use]
pub fn is_crawler(headers: &HeaderMap) -> bool {
    let Some(agent) = fields::first(headers, &USER_AGENT) else { return false };
    // Crawlers say where to read about them. Browsers never do, and most who ask are browsers.
    if memchr::memmem::find(agent, b"http").is_none() {
        return false;
    }
    let agent = agent.to_ascii_lowercase();
    NAMES.iter().any(|name| memchr::memmem::find(&agent, name).is_some())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn is(agent: &[u8]) -> bool {
        is_crawler(&HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_bytes(agent).unwrap())]))
    }

    #[test]
    fn knows_those_that_say_who_they_are() {
        for agent in [
            &b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"[..],
            b"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/1",
            b"Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots) \xff",
        ] {
            assert!(is(agent), "{}", agent.escape_ascii());
        }
        for agent in [
            &b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"[..],
            b"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            b"curl/8.0",
            b"",
        ] {
            assert!(!is(agent), "{}", agent.escape_ascii());
        }
        assert!(!is_crawler(&HeaderMap::new()));
    }
}
