//! A preview of the waiting page: each state with made-up numbers, from the document and the script that fans get.
//!
//! Guarantees:
//! - a preview asks no gate and keeps nothing in the browser, and its policy lets it touch nothing of the page that shows it
//! - a state that fans without scripts see is one, too: shown in a frame that runs none

use http::HeaderValue;

use super::language;
use super::policy;
use super::{NoScript, PageError, PageInput, State, WaitingPage};

/// What stands in for the gate.
const SCRIPT: &str = include_str!("../../pages/waiting/preview.js");

/// The states of a fan with scripts, in the order of a fan's way; `preview.js` has what they are made of.
pub const SCRIPTED: [&str; 20] = [
    "far", "idle", "joining", "pooled", "drawing", "line", "next", "called", "full", "paused", "draining", "soldout",
    "ended", "between", "left", "expired", "used", "refused", "cookies", "offline",
];

/// The states of a fan without scripts.
pub const PLAIN: [&str; 9] = [
    "ns-not_open",
    "ns-join",
    "ns-pooled",
    "ns-waiting",
    "ns-paused",
    "ns-called",
    "ns-expired",
    "ns-sold_out",
    "ns-ended",
];

/// A previewed page.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The document.
    pub html: String,
    /// Its `Content-Security-Policy`.
    pub csp: HeaderValue,
    /// Its `Content-Language`.
    pub language: &'static str,
}

/// The page of a room in a state and a language, by its tag; English where there is none. Nothing where there is no such state.
///
/// # Errors
/// The template cannot be used.
pub fn preview(input: &PageInput, state: &str, tag: &str) -> Result<Option<Preview>, PageError> {
    let plain = state.strip_prefix("ns-").filter(|_| PLAIN.contains(&state));
    if plain.is_none() && !SCRIPTED.contains(&state) {
        return Ok(None);
    }
    let page = WaitingPage::build(input)?;
    let visitor = NoScript {
        state: plain.map_or(State::Unavailable, plain_state),
        return_to: "/",
        message: None,
        opens: Some("2027-06-21 20:30 (Europe/Lisbon)"),
    };
    let document = page.document(tag.as_bytes(), b"", &visitor);
    let html = String::from_utf8_lossy(&[document.shared, document.body].concat()).into_owned();
    let html = match html.find("</head>") {
        Some(at) if plain.is_none() => {
            let script = fairgate_pages::plain_bundle(&[SCRIPT]);
            format!("{}<script data-state=\"{state}\">{script}</script>{}", &html[..at], &html[at..])
        }
        _ => html,
    };
    let policy = policy::of_waiting(&html, &["'self'".to_owned()], &input.entry);
    let policy = format!("{}; sandbox allow-scripts", policy.to_str().unwrap_or("default-src 'none'"));
    let csp = HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; sandbox"));
    Ok(Some(Preview { html, csp, language: document.content_language }))
}

/// The tags of all languages.
#[must_use]
pub fn languages() -> Vec<&'static str> {
    language::all().map(|language| language.tag).collect()
}

fn plain_state(name: &str) -> State {
    let (place, ahead) = (1_630, 430);
    match name {
        "not_open" => State::NotOpen,
        "join" => State::Join { before_draw: true },
        "pooled" => State::Pooled,
        "waiting" => State::Waiting { place, ahead },
        "paused" => State::Paused { place, ahead },
        "called" => State::Called,
        "expired" => State::Expired,
        "sold_out" => State::SoldOut,
        _ => State::Ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{EntryPage, OwnPage};

    fn input() -> PageInput {
        PageInput {
            room: "final".to_owned(),
            prefix: "/.fairgate".to_owned(),
            title: "Cup final".to_owned(),
            template: None,
            frame_ancestors: Vec::new(),
            entry: EntryPage::default(),
            own: OwnPage::default(),
        }
    }

    #[test]
    fn each_state_is_the_real_page_in_a_sandbox() {
        for state in SCRIPTED.iter().chain(&PLAIN) {
            let shown = preview(&input(), state, "pt").expect("the shipped page").expect(state);
            let csp = shown.csp.to_str().expect("ASCII");
            assert!(csp.ends_with("; sandbox allow-scripts") && csp.contains("frame-ancestors 'self'"), "{csp}");
            assert_eq!(shown.language, "pt");
            assert_eq!(shown.html.contains("<script data-state="), !state.starts_with("ns-"), "{state}");
        }
        let is_made = |name: &&str| SCRIPT.contains(&format!("    {name}: ["));
        assert!(SCRIPTED.iter().all(is_made), "each is made of something");
        assert!(preview(&input(), "nowhere", "pt").expect("the shipped page").is_none());
    }

    #[test]
    fn numbers_without_scripts_are_written_as_the_language_has_them() {
        let shown = preview(&input(), "ns-waiting", "pt").expect("the shipped page").expect("a state");
        assert!(shown.html.contains("1.631"), "{}", shown.html);
    }
}
