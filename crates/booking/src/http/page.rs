//! The pages: the shop of every event, the bookings after the visit, and the search. Each of the first two is one self-contained document that is the same
//! for everybody; what it shows, it asks the API for.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderMap, HeaderName, HeaderValue};
use ring::digest::{SHA256, digest};

use super::search_page::SearchPage;
use super::{App, negotiate};
use crate::document::{Document, Effort};
use fairgate_pages::plain_bundle;

pub(super) const STYLE: &str = include_str!("../../pages/storefront.css");
const SHOP: &str = include_str!("../../pages/storefront.html");
const SHOP_SCRIPTS: [&str; 8] = [
    include_str!("../../pages/api.js"),
    include_str!("../../pages/booking.js"),
    include_str!("../../pages/hall.js"),
    include_str!("../../pages/map.js"),
    include_str!("../../pages/shop.js"),
    include_str!("../../pages/choosing.js"),
    include_str!("../../pages/till.js"),
    include_str!("../../pages/storefront.js"),
];
const BOOKINGS: &str = include_str!("../../pages/bookings.html");
const BOOKINGS_SCRIPTS: [&str; 3] = [
    include_str!("../../pages/api.js"),
    include_str!("../../pages/booking.js"),
    include_str!("../../pages/bookings.js"),
];

/// The pages of the core.
#[derive(Clone, Debug)]
pub struct Pages {
    storefront: Page,
    bookings: Page,
    pub(super) search: SearchPage,
}

/// A page and the policy that lets it run its own script and nothing else.
#[derive(Clone, Debug)]
struct Page {
    document: Document,
    policy: HeaderValue,
}

impl Pages {
    /// Puts the pages together.
    pub(super) fn build() -> Self {
        let (storefront, bookings) = (Page::build(SHOP, &SHOP_SCRIPTS), Page::build(BOOKINGS, &BOOKINGS_SCRIPTS));
        Self { storefront, bookings, search: SearchPage::build() }
    }
}

impl Page {
    fn build(html: &str, scripts: &[&str]) -> Self {
        let script = format!("\"use strict\";\n{}", plain_bundle(scripts));
        let html = html.replacen("{{style}}", STYLE, 1).replacen("{{script}}", &script, 1);
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src data:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            hash(&script),
            hash(STYLE),
        );
        Self {
            document: Document::new("text/html; charset=utf-8", "no-cache", html, Effort::Once),
            policy: HeaderValue::from_str(&policy).expect("ASCII without line ends"),
        }
    }

    fn answer(&self, request: &HeaderMap) -> Response {
        let mut response = negotiate::answer(&self.document, request);
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        response
    }
}

pub(super) fn hash(inline: &str) -> String {
    format!("sha256-{}", STANDARD.encode(digest(&SHA256, inline.as_bytes())))
}

/// The shop.
pub(super) async fn storefront(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    app.pages.storefront.answer(&headers)
}

/// Bookings after the visit; nothing for search engines.
pub(super) async fn bookings(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let mut response = app.pages.bookings.answer(&headers);
    response.headers_mut().insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    response
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// In one scope the second function of a name takes the place of the first without a word.
    #[test]
    fn no_two_scripts_of_a_page_define_the_same_name() {
        for scripts in [&SHOP_SCRIPTS[..], &BOOKINGS_SCRIPTS[..]] {
            let mut defined: HashMap<&str, usize> = HashMap::new();
            for (number, script) in scripts.iter().enumerate() {
                for line in script.lines() {
                    let line = line.strip_prefix("export ").unwrap_or(line);
                    let line = line.strip_prefix("async ").unwrap_or(line);
                    let kinds = ["function ", "const ", "let ", "class "];
                    let Some(rest) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) else { continue };
                    let name = rest.split(|c: char| !(c.is_alphanumeric() || "_$".contains(c))).next().unwrap_or("");
                    assert_eq!(
                        defined.insert(name, number),
                        None,
                        "{name} is defined twice, at last in script {number}"
                    );
                }
            }
        }
    }
}
