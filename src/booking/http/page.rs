//! The storefront: one self-contained document for every event. What it shows, it asks the API for.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue};
use ring::digest::{SHA256, digest};

use super::super::document::{Document, Effort};
use super::Shop;
use crate::page::plain_bundle;

const HTML: &str = include_str!("../../../pages/storefront/storefront.html");
const STYLE: &str = include_str!("../../../pages/storefront/storefront.css");
const SCRIPTS: [&str; 8] = [
    include_str!("../../../pages/storefront/api.js"),
    include_str!("../../../pages/storefront/booking.js"),
    include_str!("../../../pages/storefront/hall.js"),
    include_str!("../../../pages/storefront/map.js"),
    include_str!("../../../pages/storefront/shop.js"),
    include_str!("../../../pages/storefront/choosing.js"),
    include_str!("../../../pages/storefront/till.js"),
    include_str!("../../../pages/storefront/storefront.js"),
];

/// The page and the policy that lets it run its own script and nothing else.
#[derive(Clone, Debug)]
pub struct Storefront {
    document: Document,
    policy: HeaderValue,
}

impl Storefront {
    /// Puts the page together.
    pub(super) fn build() -> Self {
        let script = format!("\"use strict\";\n{}", plain_bundle(&SCRIPTS));
        let html = HTML.replacen("{{style}}", STYLE, 1).replacen("{{script}}", &script, 1);
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
        let mut response = self.document.answer(request);
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        response
    }
}

fn hash(inline: &str) -> String {
    format!("sha256-{}", STANDARD.encode(digest(&SHA256, inline.as_bytes())))
}

pub(super) async fn storefront(State(shop): State<Arc<Shop>>, headers: HeaderMap) -> Response {
    shop.page.answer(&headers)
}
