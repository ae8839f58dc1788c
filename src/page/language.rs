//! The languages of the pages, and the choice among them.
//!
//! **Guarantees:**
//! - every language has the keys and slots of English, or a test lists what it lacks; that is English then
//! - a language is read when somebody first asks for it
//! - the choice depends on the request alone: every edge makes the same one

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use fairgate_core::fields::{items, weighted};

/// One language's texts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// Texts of the page that checks a draw; a language without any shows that page in English.
    #[serde(default)]
    pub(super) check: BTreeMap<String, String>,
    /// Texts of entering: of the script that asks, and of its forms.
    #[serde(default)]
    pub(super) entry: BTreeMap<String, String>,
    /// Texts of the script that tells of the turn.
    #[serde(default)]
    pub(super) tell: BTreeMap<String, String>,
    /// Texts of the pages that tell of a refusal.
    pub(super) problem: BTreeMap<String, String>,
}

/// A language's tag is the name of its file in `pages/waiting/lang`.
macro_rules! shipped {
    ($($tag:literal)*) => { &[$(($tag, include_str!(concat!("../../pages/waiting/lang/", $tag, ".json")))),*] };
}

/// The shipped languages; the first is what a browser gets that speaks none of them.
#[rustfmt::skip]
const SHIPPED: &[(&str, &str)] = shipped![
    "en"
    "ar"
    "bg"
    "bn"
    "ca"
    "cs"
    "da"
    "de"
    "el"
    "es"
    "et"
    "fa"
    "fi"
    "fil"
    "fr"
    "he"
    "hi"
    "hr"
    "hu"
    "id"
    "is"
    "it"
    "ja"
    "ko"
    "lt"
    "lv"
    "ms"
    "nb"
    "nl"
    "pl"
    "pt"
    "ro"
    "ru"
    "sk"
    "sl"
    "sr-Latn"
    "sv"
    "ta"
    "th"
    "tr"
    "uk"
    "ur"
    "vi"
    "zh-Hans"
    "zh-Hant"
];

/// How many languages there are.
pub(super) const COUNT: usize = SHIPPED.len();

static LANGUAGES: [OnceLock<Language>; COUNT] = [const { OnceLock::new() }; COUNT];

fn parse(tag: &'static str, json: &str) -> Language {
    match serde_json::from_str::<Language>(json) {
        Ok(language) => Language { tag, ..language },
        Err(error) => panic!("pages/waiting/lang/{tag}.json: {error}"), // checked by the tests below
    }
}

/// A language by its index, as [`negotiate`] gives it.
pub(super) fn get(index: usize) -> &'static Language {
    let (tag, json) = SHIPPED[index];
    LANGUAGES[index].get_or_init(|| {
        let language = parse(tag, json);
        if index == 0 { language } else { language.completed_by(get(0)) }
    })
}

/// All languages, in the order of their indices.
pub(super) fn all() -> impl Iterator<Item = &'static Language> {
    (0..COUNT).map(get)
}

impl Language {
    /// English words stand for those that are not translated yet.
    fn completed_by(mut self, english: &Self) -> Self {
        let complete = |own: &mut BTreeMap<String, String>, english: &BTreeMap<String, String>| {
            for (key, text) in english {
                own.entry(key.clone()).or_insert_with(|| text.clone());
            }
        };
        complete(&mut self.text, &english.text);
        complete(&mut self.script, &english.script);
        complete(&mut self.kept, &english.kept);
        complete(&mut self.entry, &english.entry);
        complete(&mut self.tell, &english.tell);
        complete(&mut self.problem, &english.problem);
        if !self.check.is_empty() {
            complete(&mut self.check, &english.check);
        }
        self
    }

    /// The language in which the page that checks a draw is shown: one in full, with its own tag and direction.
    pub(super) fn of_check(&'static self) -> &'static Self {
        if self.check.is_empty() { get(0) } else { self }
    }

    /// True where digits stand in groups of two before the last three, as in 12,34,567.
    pub(super) fn groups_by_twos(&self) -> bool {
        matches!(self.tag, "bn" | "hi" | "ta")
    }
}

/// The index of the language that an `Accept-Language` header likes best (RFC 9110, 12.5.4; RFC 4647, 3.4).
pub(super) fn negotiate(accept_language: &[u8]) -> usize {
    let mut best = (0, 0);
    for range in items(accept_language) {
        let (tag, quality) = weighted(range);
        if quality <= best.1 {
            continue;
        }
        if let Some(index) = lookup(tag) {
            best = (index, quality);
        }
    }
    best.0
}

/// Tags of languages whose readers another one serves.
const ALSO: &[(&str, &str)] = &[
    ("bs", "hr"),
    ("cnr", "sr-Latn"),
    ("in", "id"),
    ("iw", "he"),
    ("mo", "ro"),
    ("nn", "nb"),
    ("no", "nb"),
    ("sh", "sr-Latn"),
    // Both scripts are read; shops write this one.
    ("sr", "sr-Latn"),
    ("tl", "fil"),
];

/// The language for one range: the one that it names, or else the one that its readers read.
fn lookup(range: &[u8]) -> Option<usize> {
    let mut subtags = range.split(|byte| *byte == b'-');
    let primary = subtags.next().unwrap_or_default();
    if [&b"zh"[..], b"cmn", b"yue"].iter().any(|name| name.eq_ignore_ascii_case(primary)) {
        return position(chinese(subtags, primary).as_bytes());
    }
    let also = ALSO.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(primary));
    position(also.map_or(primary, |(_, tag)| tag.as_bytes()))
}

/// Chinese by the script that is named, or else by that of the region.
fn chinese<'t>(subtags: impl Iterator<Item = &'t [u8]>, primary: &[u8]) -> &'static str {
    const HANS: [&[u8]; 4] = [b"Hans", b"CN", b"SG", b"MY"];
    const HANT: [&[u8]; 4] = [b"Hant", b"TW", b"HK", b"MO"];
    for subtag in subtags {
        let is = |names: &[&[u8]]| names.iter().any(|name| name.eq_ignore_ascii_case(subtag));
        if is(&HANS) {
            return "zh-Hans";
        }
        if is(&HANT) {
            return "zh-Hant";
        }
    }
    if primary.eq_ignore_ascii_case(b"yue") { "zh-Hant" } else { "zh-Hans" }
}

fn position(tag: &[u8]) -> Option<usize> {
    SHIPPED.iter().position(|(known, _)| known.as_bytes().eq_ignore_ascii_case(tag))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What is shown in English because nobody has translated it yet, as `tag section.key`, or `tag check` for all of that
    /// page. This list may only become shorter.
    const UNTRANSLATED: &[&str] = &[];

    fn tag(accept_language: &str) -> &'static str {
        get(negotiate(accept_language.as_bytes())).tag
    }

    fn sections(language: &Language) -> [(&'static str, &BTreeMap<String, String>); 7] {
        [
            ("text", &language.text),
            ("script", &language.script),
            ("kept", &language.kept),
            ("check", &language.check),
            ("entry", &language.entry),
            ("tell", &language.tell),
            ("problem", &language.problem),
        ]
    }

    /// The files as they are, without the English words for what they lack.
    fn files() -> impl Iterator<Item = Language> {
        SHIPPED.iter().map(|(tag, json)| parse(tag, json))
    }

    #[test]
    fn every_file_of_the_folder_is_shipped() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/pages/waiting/lang");
        let names = std::fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file").file_name());
        let names: BTreeSet<_> = names.filter_map(|name| name.into_string().ok()).collect();
        let shipped: BTreeSet<_> = SHIPPED.iter().map(|(tag, _)| format!("{tag}.json")).collect();
        assert_eq!(names, shipped);
    }

    #[test]
    fn every_language_has_the_keys_of_english_but_for_those_that_are_listed() {
        let english = get(0);
        let mut missing = Vec::new();
        for other in files() {
            for ((name, own), (_, english)) in sections(&other).into_iter().zip(sections(english)) {
                let unknown: Vec<_> = own.keys().filter(|key| !english.contains_key(*key)).collect();
                assert_eq!(unknown, Vec::<&String>::new(), "{name} of {}: English has no such keys", other.tag);
                if name == "check" && own.is_empty() {
                    missing.push(format!("{} check", other.tag));
                    continue;
                }
                let lacks = english.keys().filter(|key| !own.contains_key(*key));
                missing.extend(lacks.map(|key| format!("{} {name}.{key}", other.tag)));
            }
        }
        assert_eq!(missing, UNTRANSLATED, "what is not translated, and what is said not to be");
    }

    #[test]
    fn every_text_has_the_slots_of_english() {
        let slots = |text: &str| {
            let mut slots: Vec<_> = text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).collect();
            slots.sort_unstable();
            slots.into_iter().map(|(slot, _)| slot.to_owned()).collect::<Vec<_>>()
        };
        for other in files() {
            for ((name, own), (_, english)) in sections(&other).into_iter().zip(sections(get(0))) {
                for (key, text) in own {
                    assert!(!text.trim().is_empty(), "{name}.{key} of {} is empty", other.tag);
                    assert_eq!(slots(text), slots(&english[key]), "{name}.{key} of {}", other.tag);
                }
            }
        }
    }

    #[test]
    fn directions_are_those_of_the_scripts() {
        for language in all() {
            let rtl = ["ar", "he", "fa", "ur"].contains(&language.tag);
            assert_eq!(language.dir, if rtl { "rtl" } else { "ltr" }, "{}", language.tag);
        }
    }

    #[test]
    fn a_text_that_is_missing_is_english_and_a_page_is_in_one_language() {
        let mut file = files().last().expect("a language");
        file.script.remove("line");
        file.check.clear();
        let language: &'static Language = Box::leak(Box::new(file.completed_by(get(0))));
        assert_eq!(language.script["line"], get(0).script["line"]);
        assert_eq!(language.of_check().tag, "en");
        let german = get(position(b"de").expect("German"));
        assert_eq!(german.of_check().tag, "de");
    }

    #[test]
    fn the_browsers_first_choice_wins() {
        assert_eq!(tag("de-AT,de;q=0.9,en;q=0.8"), "de");
        assert_eq!(tag("mi, fr;q=0.3, pt-BR;q=0.7"), "pt");
        assert_eq!(tag("ES"), "es");
        assert_eq!(tag("fr;q=0, de;q=0.1"), "de");
    }

    #[test]
    fn tags_of_the_same_language_find_it() {
        for (header, wanted) in [
            ("zh", "zh-Hans"),
            ("zh-CN", "zh-Hans"),
            ("zh-SG", "zh-Hans"),
            ("zh-Hans-HK", "zh-Hans"),
            ("zh-TW", "zh-Hant"),
            ("zh-HK", "zh-Hant"),
            ("zh-mo", "zh-Hant"),
            ("zh-Hant-CN", "zh-Hant"),
            ("yue", "zh-Hant"),
            ("no", "nb"),
            ("nn-NO", "nb"),
            ("nb-NO", "nb"),
            ("tl-PH", "fil"),
            ("iw-IL", "he"),
            ("in", "id"),
            ("sr-RS", "sr-Latn"),
            ("sr-Latn-ME", "sr-Latn"),
            ("bs", "hr"),
        ] {
            // A language that is not shipped is nobody's.
            let expected = position(wanted.as_bytes());
            assert_eq!(lookup(header.as_bytes()), expected, "{header}");
        }
    }

    #[test]
    fn english_is_what_is_left() {
        for header in ["", "mi", "*", ";;;,=", "fr;q=x", "fr;q=0"] {
            assert_eq!(tag(header), "en", "{header:?}");
        }
    }
}
