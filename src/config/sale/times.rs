//! The times of one sale, as they are written and as they recur on another day.
//!
//! Guarantee: a sale that recurs keeps its local times when clocks change. A local time that happens twice or never is
//! refused, as for a single sale.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use toml::de::DeValue;

use super::SaleConfig;
use crate::config::reader::Section;
use crate::config::times::{Instant, ZoneOf};
use crate::config::value::{Misfit, Value};
use fairgate_telemetry::zones::Zones;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day(pub(super) Date);

/// The times of a sale, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SaleTimes {
    pub(super) opens_at: Instant,
    pub(super) starts_at: Instant,
    pub(super) ends_at: Option<Instant>,
    /// The zone of the start, by its IANA name: the venue's.
    pub(super) zone: Option<String>,
}

impl SaleTimes {
    /// Reads the times of a room, or of one of its sales.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let opens_at: Option<Instant> = section.require("opens_at", r#""2026-12-01T09:30[Europe/Lisbon]""#);
        let starts_at: Option<Instant> = section.require("starts_at", r#""2026-12-01T10:00[Europe/Lisbon]""#);
        let ends_at: Option<Instant> = section.get("ends_at");
        let zone = section.get("starts_at").and_then(|ZoneOf(zone)| zone);
        let (opens_at, starts_at) = (opens_at?, starts_at?);
        section.check(
            opens_at <= starts_at,
            "starts_at",
            format!("{starts_at} is before opens_at, {opens_at}"),
            "the pool opens first; the same time twice means no pool",
        );
        if let Some(ends_at) = ends_at {
            section.check(
                starts_at < ends_at,
                "ends_at",
                format!("{ends_at} is not after starts_at, {starts_at}"),
                "end the sale after its start, or leave ends_at out",
            );
        }
        Some(Self { opens_at, starts_at, ends_at, zone })
    }

    /// The day on which the pool opens, in the zone that all times of a recurring sale are written in.
    pub(super) fn first_day(&self, zone: &TimeZone) -> Option<Date> {
        local(self.opens_at, zone).map(|at| at.date())
    }

    /// The same sale on the day on which its pool opens then.
    ///
    /// # Errors
    /// One of its local times is not one point in time on its day.
    pub(super) fn on(&self, day: Date, zone: &TimeZone) -> Result<Self, String> {
        let first = self.first_day(zone).ok_or_else(out_of_calendar)?;
        if day == first {
            return Ok(self.clone());
        }
        let days = first.until(day).map_err(|_| out_of_calendar())?.get_days();
        let moved = |at: Instant| moved(at, days, zone);
        Ok(Self {
            opens_at: moved(self.opens_at)?,
            starts_at: moved(self.starts_at)?,
            ends_at: self.ends_at.map(moved).transpose()?,
            zone: self.zone.clone(),
        })
    }

    /// The sale with these times and nothing of its own.
    pub(super) fn sale(&self) -> SaleConfig {
        SaleConfig {
            name: None,
            opens_at_ms: self.opens_at.at_ms,
            starts_at_ms: self.starts_at.at_ms,
            ends_at_ms: self.ends_at.map(|ends_at| ends_at.at_ms),
            zone: self.zone.clone(),
            rate_per_minute: None,
            burst: None,
            max_active: None,
            message: None,
        }
    }
}

/// The zone that all times of a recurring sale are written in. What is missing is reported.
pub(super) fn zone_of_all(section: &Section<'_>) -> Option<TimeZone> {
    let written = |key| section.get(key).and_then(|ZoneOf(zone)| zone);
    let [opens_at, starts_at, ends_at] = ["opens_at", "starts_at", "ends_at"].map(written);
    let Some(zone) = opens_at else {
        let remedy = r#"write it with a zone, like "2026-12-04T10:00[Europe/Lisbon]": an offset says nothing of the days after a clock change"#;
        section.problem("opens_at", "has no zone, and the sale recurs", remedy);
        return None;
    };
    for (key, own) in [("starts_at", starts_at), ("ends_at", ends_at)] {
        if section.has(key) && own.as_ref() != Some(&zone) {
            let what = format!("is not in {zone}, the zone of opens_at, and the sale recurs");
            section.problem(key, what, format!("write it with [{zone}], too"));
            return None;
        }
    }
    Zones::get().database().get(&zone).ok()
}

fn local(at: Instant, zone: &TimeZone) -> Option<DateTime> {
    let at = Timestamp::from_millisecond(i64::try_from(at.at_ms).ok()?).ok()?;
    Some(zone.to_datetime(at))
}

/// The same local time some days later.
fn moved(at: Instant, days: i32, zone: &TimeZone) -> Result<Instant, String> {
    let then = local(at, zone).and_then(|at| at.checked_add(Span::new().try_days(days).ok()?).ok());
    let then = then.ok_or_else(out_of_calendar)?;
    let one = zone.to_ambiguous_timestamp(then).unambiguous();
    let one = one.map_err(|_| format!("the local time {then} is not one point in time: clocks change then"))?;
    u64::try_from(one.as_millisecond()).map(|at_ms| Instant { at_ms }).map_err(|_| out_of_calendar())
}

fn out_of_calendar() -> String {
    "a day of it lies beyond any calendar".to_owned()
}

impl Value for Day {
    fn kind() -> String {
        "day".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let text = match value.as_datetime() {
            Some(datetime) => datetime.to_string(),
            None => String::read(value)?,
        };
        let is_day = text.len() == "2026-12-25".len();
        let day = is_day.then(|| text.parse().ok()).flatten();
        day.map(Self).ok_or_else(|| Misfit::new(format!("{text:?} is not a day"), r#"write it like "2026-12-25""#))
    }
}
