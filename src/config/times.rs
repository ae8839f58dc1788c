//! Points in time and spans of time, as people write them.
//!
//! A local time that happens twice or never, when clocks change, is refused: nobody may guess when a sale starts.

use std::fmt;

use fairgate_telemetry::written_time::{Misread, read_time_ms};
use fairgate_telemetry::zones::Zones;
use jiff::fmt::temporal::Pieces;
use jiff::{SignedDuration, Timestamp};
use toml::de::DeValue;

use super::value::{Misfit, Value};

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

fn instant(text: &str) -> Result<Instant, Misfit> {
    let at_ms = read_time_ms(text).map_err(|Misread { what, remedy }| Misfit::new(what, remedy))?;
    Ok(Instant { at_ms })
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
