//! `headers.md` has every field that is stripped, and every one that the edge reads or writes by a name of its own.

use std::collections::BTreeSet;

use fairgate_core::request::forged::{FAMILIES, NAMES};

use crate::read;
use crate::source::{sources, strings};

const DOCUMENT: &str = "docs/reference/headers.md";

#[test]
fn every_field_that_is_stripped_is_listed() {
    let text = read(DOCUMENT);
    let names = NAMES.iter().map(|name| format!("`{name}`"));
    for name in names.chain(FAMILIES.iter().map(|name| format!("`{name}*`"))) {
        assert!(text.contains(&name), "{DOCUMENT} does not list {name}");
    }
}

#[test]
fn every_field_that_the_edge_names_is_listed() {
    let mut named = BTreeSet::new();
    for source in sources().iter().filter(|source| source.path.contains("edge/") || source.path.contains("request/")) {
        for (at, text) in strings(&source.text) {
            let before = source.text[..at - 1].trim_end();
            let is_field =
                ["from_static(", "insert_header(", "append_header("].iter().any(|call| before.ends_with(call));
            let is_name = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            let declares = before.ends_with("HeaderValue::from_static(");
            named.extend(
                (is_name && is_field && !declares || text.starts_with("x-fairgate-")).then(|| text.to_lowercase()),
            );
        }
    }
    named.remove("x-fairgate-");
    let text = read(DOCUMENT).to_lowercase();
    let missing: Vec<&String> = named.iter().filter(|name| !text.contains(&format!("`{name}`"))).collect();
    assert!(named.len() > 20 && missing.is_empty(), "{DOCUMENT} does not list {missing:?}");
}
