//! Points in time as people write them, in configurations, seat plans and edits of events.
//!
//! A local time that happens twice or never, when clocks change, is refused: nobody may guess when a sale starts.

use std::fmt;

use jiff::fmt::temporal::{DateTimeParser, Pieces};
use jiff::{Timestamp, Zoned, tz};

use crate::zones::Zones;

const EXAMPLE: &str = r#"write "2026-12-01T10:00:00Z" or, with a zone, "2026-12-01T10:00[Europe/Lisbon]""#;

/// A text that is not one point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub remedy: String,
}

impl Misread {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

/// Reads a point in time, Unix ms.
///
/// # Errors
/// [`Misread`], worded for the person who wrote it.
pub fn read_time_ms(text: &str) -> Result<u64, Misread> {
    u64::try_from(parse(text)?.as_millisecond()).map_err(|_| Misread::new(format!("{text} lies before 1970"), EXAMPLE))
}

fn parse(text: &str) -> Result<Timestamp, Misread> {
    let unreadable = || Misread::new(format!("{text:?} is not a time"), EXAMPLE);
    let pieces = Pieces::parse(text).map_err(|_| unreadable())?;
    if pieces.time().is_none() {
        return Err(Misread::new(format!("{text:?} has no time of day"), EXAMPLE));
    }
    if pieces.time_zone_annotation().is_none() {
        return match pieces.offset() {
            Some(_) => text.parse().map_err(|_| unreadable()),
            None => Err(Misread::new(format!("{text:?} has neither an offset nor a zone"), EXAMPLE)),
        };
    }
    zoned(text).map(|zoned| zoned.timestamp())
}

fn zoned(text: &str) -> Result<Zoned, Misread> {
    const STRICT: DateTimeParser =
        DateTimeParser::new().offset_conflict(tz::OffsetConflict::Reject).disambiguation(tz::Disambiguation::Reject);
    STRICT.parse_zoned_with(Zones::get().database(), text).map_err(|error| {
        // jiff says in words whether the zone is unknown, the time falls into a gap or a fold, or the offset is not the zone's.
        let remedy = "check the zone's name; where clocks change, say which one you mean with an offset, like \
                      \"2026-10-25T01:30+01:00[Europe/Lisbon]\", or choose another time";
        Misread::new(format!("{text:?} is not one point in time: {error}"), remedy)
    })
}
