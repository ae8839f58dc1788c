//! Points in time and spans of time, as people write them.
//!
//! A local time that happens twice or never, when clocks change, is refused: nobody may guess when a sale starts.

use std::fmt;

use jiff::fmt::temporal::{DateTimeParser, Pieces};
use jiff::{SignedDuration, Timestamp, Zoned, tz};
use toml::de::DeValue;

use super::value::{Misfit, Value};
use super::zones::Zones;

const TIME_EXAMPLE: &str = r#"write "2026-12-01T10:00:00Z" or, with a zone, "2026-12-01T10:00[Europe/Lisbon]""#;

/// A leap year: nothing that is waited for takes longer.
const SPAN_MAX_MS: u64 = 366 * 24 * 3_600_000;

/// A point in time, Unix ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant {
    pub(super) at_ms: u64,
}

/// The time zone that a point in time was written with, if any.
pub(super) struct ZoneOf(pub(super) Option<String>);

impl Value for ZoneOf {
    fn kind() -> String {
        Instant::kind()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let pieces = value.as_str().and_then(|text| Pieces::parse(text).ok());
        let zone = pieces.as_ref().and_then(|pieces| pieces.to_time_zone_with(Zones::get().database()).ok().flatten());
        Ok(Self(zone.and_then(|zone| zone.iana_name().map(str::to_owned))))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = i64::try_from(self.at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        match timestamp {
            Some(timestamp) => write!(f, "{timestamp}"),
            None => write!(f, "{} ms", self.at_ms),
        }
    }
}

impl Value for Instant {
    fn kind() -> String {
        "time".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let text = match value.as_datetime() {
            Some(datetime) => datetime.to_string(),
            None => String::read(value)?,
        };
        instant(&text)
    }
}

/// Reads a point in time as configurations have them, Unix ms.
///
/// # Errors
/// A sentence that says what is wrong and what would be right.
pub fn parse_time_ms(text: &str) -> Result<u64, String> {
    instant(text).map(|instant| instant.at_ms).map_err(|misfit| format!("{}; {}", misfit.what, misfit.remedy))
}

fn instant(text: &str) -> Result<Instant, Misfit> {
    let at_ms = u64::try_from(parse(text)?.as_millisecond());
    let at_ms = at_ms.map_err(|_| Misfit::new(format!("{text} lies before 1970"), TIME_EXAMPLE))?;
    Ok(Instant { at_ms })
}

fn parse(text: &str) -> Result<Timestamp, Misfit> {
    let unreadable = || Misfit::new(format!("{text:?} is not a time"), TIME_EXAMPLE);
    let pieces = Pieces::parse(text).map_err(|_| unreadable())?;
    if pieces.time().is_none() {
        return Err(Misfit::new(format!("{text:?} has no time of day"), TIME_EXAMPLE));
    }
    if pieces.time_zone_annotation().is_none() {
        return match pieces.offset() {
            Some(_) => text.parse().map_err(|_| unreadable()),
            None => Err(Misfit::new(format!("{text:?} has neither an offset nor a zone"), TIME_EXAMPLE)),
        };
    }
    zoned(text).map(|zoned| zoned.timestamp())
}

fn zoned(text: &str) -> Result<Zoned, Misfit> {
    const STRICT: DateTimeParser =
        DateTimeParser::new().offset_conflict(tz::OffsetConflict::Reject).disambiguation(tz::Disambiguation::Reject);
    STRICT.parse_zoned_with(Zones::get().database(), text).map_err(|error| {
        // jiff says in words whether the zone is unknown, the time falls into a gap or a fold, or the offset is not the zone's.
        let remedy = "check the zone's name; where clocks change, say which one you mean with an offset, like \
                      \"2026-10-25T01:30+01:00[Europe/Lisbon]\", or choose another time";
        Misfit::new(format!("{text:?} is not one point in time: {error}"), remedy)
    })
}

/// A span of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) ms: u64,
}

impl Span {
    pub(super) const fn seconds(seconds: u64) -> Self {
        Self { ms: seconds * 1000 }
    }
}

impl Value for Span {
    fn kind() -> String {
        "span of time".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        const EXAMPLE: &str = r#"write a span with its unit, like "500ms", "10s", "5m" or "1h 30m""#;
        let Some(text) = value.as_str() else {
            return Err(Misfit::new("is not a span of time", EXAMPLE));
        };
        let span: Option<SignedDuration> = text.parse().ok();
        match span.and_then(|span| u64::try_from(span.as_millis()).ok()) {
            None => Err(Misfit::new(format!("{text:?} is not a span of time"), EXAMPLE)),
            Some(ms) if ms > SPAN_MAX_MS => Err(Misfit::new(format!("{text:?} is longer than a year"), EXAMPLE)),
            Some(ms) => Ok(Self { ms }),
        }
    }
}
