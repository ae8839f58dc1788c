//! What an index knows of an event: what it is found by, and what is shown of it in a list.

use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use crate::db::DbTime;
use crate::events::about::EventStatus;
use crate::units::unsigned;

/// An event as an index has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventDocument {
    /// The event's key in the tables: positive.
    pub event_id: i32,
    /// The event's version, which says whether the document is old.
    pub version: i64,
    /// The event's name in URLs.
    pub slug: String,
    /// The event's name for people.
    pub title: String,
    /// Who performs, in order.
    pub performers: Vec<String>,
    /// Other names of those.
    pub aliases: Vec<String>,
    /// Where it takes place, as people are told.
    pub venue: String,
    /// The venue's own name, if it has one.
    pub place: String,
    /// The venue's city, if it is known.
    pub city: String,
    /// ISO 3166-1 alpha-2, if it is known.
    pub country: String,
    /// The run of dates that it is one of, if any.
    pub series: String,
    /// What kind of event it is, if that is said.
    pub category: String,
    /// The URL of a picture.
    pub image: Option<String>,
    /// When it begins, Unix ms.
    pub starts_at_ms: i64,
    /// The IANA zone of the place.
    pub zone: String,
    /// ISO 4217.
    pub currency: String,
    /// The cheapest section, in the smallest unit of the currency.
    pub price_min: u32,
    /// The dearest section.
    pub price_max: u32,
    /// Whether it takes place.
    pub status: EventStatus,
    /// True if seats can be reserved within the sale's window.
    pub on_sale: bool,
    /// From when seats can be reserved, Unix ms.
    pub sale_starts_at_ms: Option<i64>,
    /// Until when seats can be reserved, Unix ms.
    pub sale_ends_at_ms: Option<i64>,
    /// From when it is found, Unix ms.
    pub published_at_ms: Option<i64>,
    /// Degrees north and east.
    pub position: Option<(f64, f64)>,
}

impl EventDocument {
    /// Reads a row of `search_documents.sql`.
    pub(super) fn read(row: &Row) -> Self {
        let ms = |column: &str| row.get::<_, Option<DbTime>>(column).map(|time| time.0);
        let (lat, lon): (Option<f64>, Option<f64>) = (row.get("lat"), row.get("lon"));
        Self {
            event_id: row.get("event_id"),
            version: row.get("version"),
            slug: row.get("slug"),
            title: row.get("title"),
            performers: row.get("performers"),
            aliases: row.get("aliases"),
            venue: row.get("venue"),
            place: row.get("place"),
            city: row.get("city"),
            country: row.get("country"),
            series: row.get("series"),
            category: row.get("category"),
            image: row.get("image"),
            starts_at_ms: row.get::<_, DbTime>("starts_at").0,
            zone: row.get("zone"),
            currency: row.get("currency"),
            price_min: unsigned(row.get("price_min")),
            price_max: unsigned(row.get("price_max")),
            status: EventStatus::read(row.get("event_status")),
            on_sale: row.get("on_sale"),
            sale_starts_at_ms: ms("sale_starts_at"),
            sale_ends_at_ms: ms("sale_ends_at"),
            published_at_ms: ms("published_at"),
            position: lat.zip(lon),
        }
    }

    /// The day on which it begins where it takes place, in days from 1970-01-01.
    #[must_use]
    pub(super) fn day(&self) -> i64 {
        let instant = jiff::Timestamp::from_millisecond(self.starts_at_ms).unwrap_or(jiff::Timestamp::MAX);
        let zone = jiff::tz::TimeZone::get(&self.zone).unwrap_or(jiff::tz::TimeZone::UTC);
        days(zone.to_datetime(instant).date())
    }
}

/// A date in days from 1970-01-01.
pub(super) fn days(date: jiff::civil::Date) -> i64 {
    const EPOCH: jiff::civil::Date = jiff::civil::date(1970, 1, 1);
    EPOCH.until(date).map_or(0, |span| i64::from(span.get_days()))
}
