//! The languages of the pages, and the choice among them.
//!
//! Every language has the same keys as English (a test holds them to it), so no visitor meets a missing text.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use fairgate_core::fields::{items, weighted};

/// One language's texts.
#[derive(Debug, Deserialize)]
pub(super) struct Language {
    /// The BCP 47 tag.
    #[serde(skip)]
    pub(super) tag: &'static str,
    /// `ltr` or `rtl`.
    pub(super) dir: String,
    /// What stands between groups of three digits.
    pub(super) group: String,
    /// Texts of the waiting page's document.
    pub(super) text: BTreeMap<String, String>,
    /// Texts of its script.
    pub(super) script: BTreeMap<String, String>,
    /// Texts of the page that keeps a form.
    pub(super) kept: BTreeMap<String, String>,
    /// Texts of the page that checks a draw.
    pub(super) check: BTreeMap<String, String>,
    /// Texts of entering: of the script that asks, and of its forms.
    pub(super) entry: BTreeMap<String, String>,
    /// Texts of the pages that tell of a refusal.
    pub(super) problem: BTreeMap<String, String>,
}

/// How many languages there are.
pub(super) const COUNT: usize = 5;

/// The shipped languages; the first is what a browser gets that speaks none of them.
const SHIPPED: [(&str, &str); COUNT] = [
    ("en", include_str!("../../pages/waiting/lang/en.json")),
    ("pt", include_str!("../../pages/waiting/lang/pt.json")),
    ("es", include_str!("../../pages/waiting/lang/es.json")),
    ("de", include_str!("../../pages/waiting/lang/de.json")),
    ("fr", include_str!("../../pages/waiting/lang/fr.json")),
];

static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    SHIPPED.iter().map(|(tag, json)| parse(tag, json)).collect() // checked by the tests below
});

fn parse(tag: &'static str, json: &str) -> Language {
    match serde_json::from_str::<Language>(json) {
        Ok(language) => Language { tag, ..language },
        Err(error) => panic!("pages/waiting/lang/{tag}.json: {error}"),
    }
}

/// All languages, in the order in which [`negotiate`] counts them.
pub(super) fn all() -> &'static [Language] {
    &LANGUAGES
}

/// The index of the language that an `Accept-Language` header likes best (RFC 9110, lookup by primary subtag).
pub(super) fn negotiate(accept_language: &[u8]) -> usize {
    let mut best = (0, 0);
    for range in items(accept_language) {
        let (tag, quality) = weighted(range);
        let primary = tag.split(|byte| *byte == b'-').next().unwrap_or_default();
        let known = |(tag, _): &(&str, &str)| tag.as_bytes().eq_ignore_ascii_case(primary);
        let Some(index) = SHIPPED.iter().position(known) else { continue };
        if quality > best.1 {
            best = (index, quality);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(accept_language: &str) -> &'static str {
        all()[negotiate(accept_language.as_bytes())].tag
    }

    #[test]
    fn every_language_has_the_keys_of_english() {
        let keys = |map: &BTreeMap<String, String>| map.keys().cloned().collect::<Vec<_>>();
        let [english, others @ ..] = all() else { panic!("there are languages") };
        for other in others {
            assert_eq!(keys(&other.text), keys(&english.text), "text of {}", other.tag);
            assert_eq!(keys(&other.script), keys(&english.script), "script of {}", other.tag);
            assert_eq!(keys(&other.check), keys(&english.check), "check of {}", other.tag);
            assert_eq!(keys(&other.entry), keys(&english.entry), "entry of {}", other.tag);
            assert_eq!(keys(&other.problem), keys(&english.problem), "problem of {}", other.tag);
            assert_eq!(keys(&other.kept), keys(&english.kept), "kept of {}", other.tag);
        }
    }

    #[test]
    fn every_text_has_the_slots_of_english() {
        let slots = |text: &str| {
            let mut slots: Vec<_> = text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).collect();
            slots.sort_unstable();
            slots.into_iter().map(|(slot, _)| slot.to_owned()).collect::<Vec<_>>()
        };
        let parts = |language: &'static Language| {
            [&language.text, &language.script, &language.kept, &language.check, &language.entry]
        };
        for other in all() {
            for (theirs, english) in parts(other).into_iter().zip(parts(&all()[0])) {
                for (key, text) in english {
                    assert_eq!(slots(&theirs[key]), slots(text), "{key} of {}", other.tag);
                }
            }
        }
    }

    #[test]
    fn the_browsers_first_choice_wins() {
        assert_eq!(tag("de-AT,de;q=0.9,en;q=0.8"), "de");
        assert_eq!(tag("ja, fr;q=0.3, pt-BR;q=0.7"), "pt");
        assert_eq!(tag("ES"), "es");
        assert_eq!(tag("fr;q=0, de;q=0.1"), "de");
    }

    #[test]
    fn english_is_what_is_left() {
        for header in ["", "ja", "*", ";;;,=", "fr;q=x", "fr;q=0"] {
            assert_eq!(tag(header), "en", "{header:?}");
        }
    }
}
