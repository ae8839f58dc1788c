//! `problems.md`: every kind of problem that the sources name has a heading, with its titles and statuses, and no other has.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;

use crate::read;
use crate::source::{Source, sources, strings};

const DOCUMENT: &str = "docs/reference/problems.md";

/// What the sources say of a kind.
#[derive(Default)]
struct Kind {
    titles: BTreeSet<String>,
    statuses: BTreeSet<u16>,
}

#[test]
fn every_kind_of_problem_is_documented_and_no_other() {
    let kinds = kinds();
    assert!(kinds.len() > 60, "the sources are read: {} kinds", kinds.len());
    let documented = documented();
    let known: BTreeSet<&String> = kinds.keys().collect();
    let headings: BTreeSet<&String> = documented.keys().collect();
    assert_eq!(known, headings, "kinds in the sources, and headings of {DOCUMENT}");
    for (slug, Kind { titles, statuses }) in &kinds {
        let text = &documented[slug];
        for said in titles.iter().cloned().chain(statuses.iter().map(u16::to_string)) {
            assert!(text.contains(&said), "{DOCUMENT}: {slug} does not say {said:?}");
        }
    }
}

/// The texts under the headings, by the headings.
fn documented() -> BTreeMap<String, String> {
    let text = read(DOCUMENT);
    let sections = text.split("\n### ").skip(1).map(|section| section.split_once('\n').unwrap());
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    sections.map(|(slug, text)| (slug.to_owned(), one_line(text))).collect()
}

/// The kinds that the sources name.
fn kinds() -> BTreeMap<String, Kind> {
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    let of_problems = |source: &&Source| source.text.contains("Problem") && !source.path.contains("config/");
    for Source { text, .. } in sources().iter().filter(of_problems) {
        for Pair { slug, title, status } in pairs(text) {
            let kind = kinds.entry(slug.to_owned()).or_default();
            kind.titles.insert(title.to_owned());
            kind.statuses.extend(status);
        }
        for (at, call) in text.match_indices("not_found(\"") {
            let what = text[at + call.len()..].split('"').next().unwrap_or_default();
            kinds.entry(format!("unknown-{what}")).or_default().statuses.insert(404);
        }
        for (slug, statuses) in by_variant(text) {
            kinds.entry(slug).or_default().statuses.extend(statuses);
        }
    }
    kinds
}

/// A kind and its title, as they stand side by side: `StatusCode::CONFLICT, "a-kind", "Its title"`.
struct Pair<'t> {
    slug: &'t str,
    title: &'t str,
    /// Where it stands before them.
    status: Option<u16>,
}

fn pairs(text: &str) -> Vec<Pair<'_>> {
    let mut found = Vec::new();
    for both in strings(text).windows(2) {
        let [(slug_at, slug), (title_at, title)] = [both[0], both[1]];
        let (before, between) = (&text[..slug_at - 1], &text[slug_at + slug.len() + 1..title_at - 1]);
        // A member of a problem and its value, or a part of a request and a sentence about it, are no kind and title.
        let is_member = before.ends_with(".with(") || before.ends_with("invalid(");
        let is_title = title.starts_with(|sign: char| sign.is_ascii_uppercase());
        if between.trim() == "," && is_slug(slug) && is_title && !is_member {
            found.push(Pair { slug, title, status: status_at_end(before) });
        }
    }
    found
}

fn is_slug(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// The status that code ends with: `StatusCode::CONFLICT,`, or a call of `conflict`.
fn status_at_end(code: &str) -> Option<u16> {
    let code = code.trim_end();
    if code.ends_with("conflict(") {
        return Some(409);
    }
    status(code.strip_suffix(',')?.rsplit_once("StatusCode::")?.1)
}

/// The status of a constant's name.
fn status(name: &str) -> Option<u16> {
    let is_named = |status: &StatusCode| {
        let reason = status.canonical_reason().unwrap_or_default();
        reason.to_uppercase().replace([' ', '-'], "_") == name
    };
    (400..600).filter_map(|status| StatusCode::from_u16(status).ok()).find(is_named).map(|status| status.as_u16())
}

/// Statuses by kind where an enum has its statuses in one `match` and its kinds in another.
fn by_variant(text: &str) -> Vec<(String, BTreeSet<u16>)> {
    let mut statuses: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    for (variants, value) in arms(text) {
        if let Some(status) = value.strip_prefix("StatusCode::").and_then(|name| status(word(name))) {
            variants.iter().for_each(|variant| _ = statuses.entry(variant).or_default().insert(status));
        }
    }
    let mut found = Vec::new();
    for (variants, value) in arms(text) {
        let Some(slug) = value.strip_prefix("(\"").and_then(|value| value.split('"').next()) else { continue };
        let of_variants = variants.iter().filter_map(|variant| statuses.get(variant)).flatten().copied();
        found.push((slug.to_owned(), of_variants.collect()));
    }
    found
}

/// The arms of every `match`: the variants of `Self` before the arrow, and what follows it.
fn arms(text: &str) -> Vec<(Vec<&str>, &str)> {
    let arrows = text.match_indices(" => ").map(|(at, arrow)| (at, text[at + arrow.len()..].trim_start()));
    arrows.map(|(at, value)| (variants(&text[..at]), value)).filter(|(variants, _)| !variants.is_empty()).collect()
}

/// The variants of the pattern that code ends with.
fn variants(code: &str) -> Vec<&str> {
    let begin =
        ["=> ", ",\n", "{\n"].iter().filter_map(|end| code.rfind(end).map(|at| at + end.len())).max().unwrap_or(0);
    code[begin..].split("Self::").skip(1).map(word).collect()
}

/// The name that a text begins with.
fn word(text: &str) -> &str {
    text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').next().unwrap_or_default()
}
