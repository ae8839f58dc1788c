//! The console's style and script, as files that never change below one address.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use ring::digest::{SHA256, digest};

static STYLE: LazyLock<String> =
    LazyLock::new(|| fairgate_pages::style(include_str!("../../../pages/console/console.css")));
static SCRIPT: LazyLock<String> =
    LazyLock::new(|| fairgate_pages::plain_bundle(&[include_str!("../../../pages/console/console.js")]));

/// Another one for other files.
pub(super) static VERSION: LazyLock<String> =
    LazyLock::new(|| hex::encode(&digest(&SHA256, format!("{}{}", *STYLE, *SCRIPT).as_bytes()).as_ref()[..6]));

type File = ([(HeaderName, &'static str); 2], &'static str);

fn file(kind: &'static str, text: &'static str) -> File {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "max-age=31536000, immutable")], text)
}

pub(super) async fn style() -> File {
    file("text/css; charset=utf-8", &STYLE)
}

pub(super) async fn script() -> File {
    file("text/javascript; charset=utf-8", &SCRIPT)
}
