//! What a visitor without scripts sees: the only part of the page that differs from one visitor to the next.
//!
//! The text is rendered once per language and state with placeholders; a request only fills them in.

use std::borrow::Cow;

use fairgate_pages::escape;
use serde::Serialize;

use super::encoding::{Fragment, Part};
use super::language::Language;

/// What the server knows about a visitor, for the part of the page that works without scripts.
#[derive(Clone, Copy, Debug)]
pub struct NoScript<'a> {
    /// Where the visitor stands.
    pub state: State,
    /// The path and query the visitor asked for; forms come back to it.
    pub return_to: &'a str,
    /// The organizer's message.
    pub message: Option<&'a str>,
    /// When the sale opens that is waited for, in words that are the same in all languages; for [`State::NotOpen`] and
    /// [`State::Between`].
    pub opens: Option<&'a str>,
}

/// Where a visitor stands. The numbers of a template's sample states are placeholders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum State {
    /// No ticket, and nothing to join yet.
    NotOpen,
    /// No ticket; the pool or the line can be joined.
    Join {
        /// True if a fan who joins now is in the draw.
        before_draw: bool,
    },
    /// A ticket of the pool, and the draw has not been held.
    Pooled,
    /// In the line.
    Waiting {
        /// The place, from 0.
        place: u64,
        /// Places to be called before this one.
        ahead: u64,
    },
    /// In the line, which is paused.
    Paused {
        /// The place, from 0.
        place: u64,
        /// Places to be called before this one.
        ahead: u64,
    },
    /// In the line, of which nobody is called at present.
    Draining {
        /// The place, from 0.
        place: u64,
        /// Places to be called before this one.
        ahead: u64,
    },
    /// Called: the shop can be entered.
    Called,
    /// The place was not taken in time, or is used up; the tail of the line can be joined.
    Expired,
    /// Nothing is left.
    SoldOut,
    /// The sale is over.
    Ended,
    /// The sale is over, and there is a next one.
    Between,
    /// The room cannot be reached; whoever has a ticket keeps the place.
    Unavailable,
}

impl State {
    /// One state of each kind.
    pub(super) const ALL: [Self; 13] = [
        Self::NotOpen,
        Self::Join { before_draw: true },
        Self::Join { before_draw: false },
        Self::Pooled,
        Self::Waiting { place: 0, ahead: 0 },
        Self::Paused { place: 0, ahead: 0 },
        Self::Draining { place: 0, ahead: 0 },
        Self::Called,
        Self::Expired,
        Self::SoldOut,
        Self::Ended,
        Self::Between,
        Self::Unavailable,
    ];

    /// Under what name the texts of the state are; tells states apart without their numbers.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Join { before_draw: true } => "join_pool",
            Self::Between => "between",
            _ => self.kind(),
        }
    }

    /// Names states in templates: what there is to do.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::NotOpen => "not_open",
            Self::Join { .. } => "join",
            Self::Pooled => "pooled",
            Self::Waiting { .. } => "waiting",
            Self::Paused { .. } => "paused",
            Self::Draining { .. } => "draining",
            Self::Called => "called",
            Self::Expired => "expired",
            Self::SoldOut => "sold_out",
            Self::Ended | Self::Between => "ended",
            Self::Unavailable => "unavailable",
        }
    }

    fn numbers(self) -> Option<(u64, u64)> {
        match self {
            Self::Waiting { place, ahead } | Self::Paused { place, ahead } | Self::Draining { place, ahead } => {
                Some((place, ahead))
            }
            _ => None,
        }
    }
}

/// Marks in a rendered tail that stand for a visitor's own values; private-use characters that no escaper touches.
pub(super) const PLACE: &str = "\u{E001}";
pub(super) const AHEAD: &str = "\u{E002}";
pub(super) const RETURN_TO: &str = "\u{E003}";
pub(super) const MESSAGE: &str = "\u{E004}";
/// The path and query once more, as a value in another query.
pub(super) const RETURN_QUERY: &str = "\u{E005}";
/// When the sale opens that is waited for.
pub(super) const OPENS: &str = "\u{E006}";

/// The values that replace the marks, escaped for HTML.
pub(super) struct Placeholders<'a> {
    place: String,
    ahead: String,
    return_to: Cow<'a, str>,
    return_query: &'a str,
    message: Cow<'a, str>,
    opens: Cow<'a, str>,
}

impl<'a> Placeholders<'a> {
    pub(super) fn of(visitor: &NoScript<'a>, language: &Language) -> Self {
        let (place, ahead) = visitor.state.numbers().unwrap_or_default();
        let grouped = |number| grouped(number, &language.group, language.groups_by_twos());
        Self {
            place: grouped(place.saturating_add(1)),
            ahead: grouped(ahead),
            return_to: escape(visitor.return_to),
            return_query: visitor.return_to,
            message: escape(visitor.message.unwrap_or_default()),
            opens: escape(visitor.opens.unwrap_or_default()),
        }
    }

    fn get(&self, mark: char) -> Option<Cow<'_, str>> {
        Some(match mark {
            '\u{E001}' => Cow::Borrowed(&*self.place),
            '\u{E002}' => Cow::Borrowed(&*self.ahead),
            '\u{E003}' => Cow::Borrowed(&*self.return_to),
            '\u{E004}' => Cow::Borrowed(&*self.message),
            '\u{E005}' => Cow::Owned(in_query(self.return_query)),
            '\u{E006}' => Cow::Borrowed(&*self.opens),
            _ => return None,
        })
    }
}

/// A rendered tail, cut at its marks.
#[derive(Debug)]
pub(super) struct Tail {
    first: Fragment,
    rest: Vec<(char, Fragment)>,
}

impl Tail {
    pub(super) fn parse(html: &str) -> Self {
        let is_mark = |c: char| ('\u{E001}'..='\u{E006}').contains(&c);
        let first = Fragment::new(html.split(is_mark).next().unwrap_or_default());
        let marks = html.chars().filter(|&c| is_mark(c));
        let rest = marks.zip(html.split(is_mark).skip(1)).map(|(mark, text)| (mark, Fragment::new(text))).collect();
        Self { first, rest }
    }

    /// The tail with a visitor's own values, part by part.
    pub(super) fn fill<'t>(&'t self, values: &'t Placeholders<'_>) -> Vec<Part<'t>> {
        let mut parts = vec![Part::Shared(&self.first)];
        for (mark, fragment) in &self.rest {
            parts.extend([Part::Own(values.get(*mark).unwrap_or_default()), Part::Shared(fragment)]);
        }
        parts
    }
}

/// `12345` as people of that language write it.
fn grouped(number: u64, group: &str, by_twos: bool) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len() - at;
        let ends = if by_twos { left == 3 || (left > 3 && left % 2 == 1) } else { left.is_multiple_of(3) };
        if at > 0 && ends {
            out.push_str(group);
        }
        out.push(digit);
    }
    out
}

/// A value in a query: all but unreserved characters and `/` are percent-encoded (RFC 3986, 3.4), so no HTML is left to escape.
fn in_query(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            byte if plain(byte) => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::language;

    fn fill(html: &str, visitor: &NoScript<'_>) -> String {
        let (tail, values) = (Tail::parse(html), Placeholders::of(visitor, language::get(0)));
        tail.fill(&values).iter().map(Part::text).collect()
    }

    #[test]
    fn marks_are_filled_in_order() {
        let visitor = NoScript {
            state: State::Waiting { place: 1_234_567, ahead: 999 },
            return_to: "/a?b=1&c=\"<",
            message: Some("<b>late</b>"),
            opens: Some("2027-01-01 10:00 (<)"),
        };
        let html = format!("{AHEAD} before {PLACE}; {RETURN_TO}|{MESSAGE}|{OPENS}|{PLACE}");
        assert_eq!(
            fill(&html, &visitor),
            "999 before 1,234,568; /a?b=1&amp;c=&quot;&lt;|&lt;b&gt;late&lt;/b&gt;|2027-01-01 10:00 (&lt;)|1,234,568"
        );
    }

    #[test]
    fn a_way_back_is_one_value_of_a_query() {
        let visitor = NoScript { state: State::Called, return_to: "/a b?c=1&d=\"é\"", message: None, opens: None };
        assert_eq!(fill(&format!("?r={RETURN_QUERY}"), &visitor), "?r=/a%20b%3Fc%3D1%26d%3D%22%C3%A9%22");
    }

    #[test]
    fn a_tail_without_marks_stays_as_it_is() {
        let visitor = NoScript { state: State::Join { before_draw: true }, return_to: "/", message: None, opens: None };
        assert_eq!(fill("</body>", &visitor), "</body>");
        assert_eq!(fill("", &visitor), "");
    }

    #[test]
    fn digits_are_grouped_by_threes() {
        assert_eq!(grouped(0, ".", false), "0");
        assert_eq!(grouped(100, ".", false), "100");
        assert_eq!(grouped(14_000_000, ".", false), "14.000.000");
    }

    #[test]
    fn some_group_by_twos_before_the_last_three() {
        assert_eq!(grouped(999, ",", true), "999");
        assert_eq!(grouped(12_345, ",", true), "12,345");
        assert_eq!(grouped(14_000_000, ",", true), "1,40,00,000");
    }
}
