//! What the forms of a room ask for, and what a person has to do before it is done.

use super::render::word;
use crate::admin::change::RoomPatch;
use crate::admin::problem::Problem;
use fairgate_core::room::{Control, Mode, View};

/// What a form wants of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// To run dry, which is no value of its own.
    Drain,
    /// Everything else.
    Patch(Box<RoomPatch>),
}

/// What has to be done before a change is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Confirm {
    /// Nothing: it is harmless, or somebody is in a hurry.
    Nothing,
    /// A look at what would come of it.
    Look,
    /// That, and this text typed.
    Type(String),
}

impl Wanted {
    /// What a form says: which control, and its value.
    pub(super) fn read(what: &str, value: &str) -> Result<Self, Problem> {
        let patch = match what {
            "drain" => return Ok(Self::Drain),
            "pause" => RoomPatch { paused: Some(true), ..RoomPatch::default() },
            "resume" => RoomPatch { paused: Some(false), ..RoomPatch::default() },
            "sold_out" => RoomPatch { sold_out: Some(true), ..RoomPatch::default() },
            "on_sale" => RoomPatch { sold_out: Some(false), ..RoomPatch::default() },
            "message" => RoomPatch { message: Some(message(value)), ..RoomPatch::default() },
            "no_message" => RoomPatch { message: Some(None), ..RoomPatch::default() },
            "ends_at" => RoomPatch { ends_at: Some(Some(utc(value))), ..RoomPatch::default() },
            "no_end" => RoomPatch { ends_at: Some(None), ..RoomPatch::default() },
            "rate" => RoomPatch { rate_per_minute: Some(small("rate_per_minute", value)?), ..RoomPatch::default() },
            "burst" => RoomPatch { burst: Some(small("burst", value)?), ..RoomPatch::default() },
            "max_active" => RoomPatch { max_active: Some(number("max_active", value)?), ..RoomPatch::default() },
            "let_in" => RoomPatch { let_in: Some(small("let_in", value)?), ..RoomPatch::default() },
            "target" => RoomPatch { target_ms: Some(number("target_ms", value)?), ..RoomPatch::default() },
            "fixed" => RoomPatch { mode: Some(Mode::Fixed), ..RoomPatch::default() },
            "adaptive" => RoomPatch { mode: Some(Mode::Adaptive), ..RoomPatch::default() },
            _ => return Err(Problem::Value { key: "what", reason: "no form of this page asks for that".to_owned() }),
        };
        Ok(Self::Patch(Box::new(patch)))
    }

    /// The room's commands for it.
    pub(super) fn controls(&self, view: &View) -> Result<Vec<Control>, Problem> {
        match self {
            Self::Drain => Ok(vec![Control::Drain]),
            Self::Patch(patch) => patch.controls(view),
        }
    }
}

impl Confirm {
    /// What a form's change needs.
    pub(super) fn of(what: &str, value: &str, room: &str) -> Self {
        match what {
            "pause" | "resume" | "no_message" => Self::Nothing,
            "let_in" => Self::Type(digits(value)),
            "sold_out" | "ends_at" => Self::Type(room.to_owned()),
            _ => Self::Look,
        }
    }

    /// True if it is done.
    pub(super) fn is_done(&self, confirmed: bool, typed: &str) -> bool {
        match self {
            Self::Nothing => true,
            Self::Look => confirmed,
            Self::Type(text) => confirmed && typed.trim() == text,
        }
    }
}

/// A number as people type it, with or without its thousands apart.
fn digits(value: &str) -> String {
    value.chars().filter(|sign| !sign.is_whitespace() && *sign != ',').collect()
}

fn number(key: &'static str, value: &str) -> Result<u64, Problem> {
    digits(value).parse().map_err(|_| Problem::Value { key, reason: word("refused_words", "no_number").to_owned() })
}

fn small(key: &'static str, value: &str) -> Result<u32, Problem> {
    let small = number(key, value)?.try_into();
    small.map_err(|_| Problem::Value { key, reason: word("refused_words", "no_number").to_owned() })
}

/// Browsers send line ends as two signs. An empty message is none.
fn message(value: &str) -> Option<String> {
    let text = value.replace("\r\n", "\n").trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}

/// What a field for date and time says is in UTC, as its label has it; who writes a zone means it.
fn utc(value: &str) -> String {
    let value = value.trim();
    let is_plain = value.len() <= "2026-12-01T22:00:00".len() && !value.ends_with(['Z', 'z', ']']);
    if is_plain { format!("{value}Z") } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(what: &str, value: &str) -> RoomPatch {
        match Wanted::read(what, value).expect("a form's value") {
            Wanted::Patch(patch) => *patch,
            Wanted::Drain => panic!("no patch"),
        }
    }

    #[test]
    fn numbers_are_read_as_people_type_them() {
        for text in ["1200", "1,200", " 1 200 "] {
            assert_eq!(patch("rate", text).rate_per_minute, Some(1_200), "{text:?}");
        }
        for text in ["", "x", "-1", "1.5", "99999999999"] {
            assert!(Wanted::read("rate", text).is_err(), "{text:?}");
        }
        assert!(Wanted::read("secret", "1").is_err());
    }

    #[test]
    fn a_message_has_the_lines_that_were_typed_and_an_empty_one_is_none() {
        assert_eq!(patch("message", " One\r\nTwo ").message, Some(Some("One\nTwo".into())));
        assert_eq!(patch("message", " \r\n").message, Some(None));
    }

    #[test]
    fn a_time_without_a_zone_is_in_utc() {
        for (typed, meant) in [
            ("2026-12-01T22:00", "2026-12-01T22:00Z"),
            ("2026-12-01T22:00:05", "2026-12-01T22:00:05Z"),
            ("2026-12-01T22:00[Europe/Lisbon]", "2026-12-01T22:00[Europe/Lisbon]"),
            ("2026-12-01T22:00Z", "2026-12-01T22:00Z"),
        ] {
            assert_eq!(patch("ends_at", typed).ends_at, Some(Some(meant.into())));
        }
    }

    #[test]
    fn what_cannot_be_taken_back_is_typed_first() {
        assert!(Confirm::of("pause", "", "final").is_done(false, ""));
        let rate = Confirm::of("rate", "900", "final");
        assert!(!rate.is_done(false, "") && rate.is_done(true, ""));
        let let_in = Confirm::of("let_in", "1,000", "final");
        assert!(!let_in.is_done(true, "") && !let_in.is_done(false, "1000") && let_in.is_done(true, " 1000"));
        let sold_out = Confirm::of("sold_out", "", "final");
        assert!(!sold_out.is_done(true, "finale") && sold_out.is_done(true, "final"));
    }
}
