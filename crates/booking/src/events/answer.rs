//! Events as clients get them, as JSON. Fields may be added, never renamed.

use serde::Serialize;
use utoipa::ToSchema;

use super::about::{About, EventStatus, PerformerWords, SeriesWords, VenueWords};
use super::seat_map::{Facts, SeatMap, Section, SectionKind};
use crate::db::DbTime;
use crate::money::minor_units_of_event;

/// The events on sale, or a page of them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventList {
    /// The next one first.
    pub events: Vec<EventSummary>,
    /// The `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "AAABowcYPAAAAAAH")]
    pub next: Option<String>,
}

/// An event in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventSummary {
    /// Its id.
    #[schema(example = "midsummer-night")]
    pub id: String,
    /// Its name.
    pub title: String,
    /// Where it is.
    pub venue: String,
    /// When it begins, RFC 3339 in UTC.
    pub starts_at: String,
    /// The zone in which to tell the time.
    #[schema(example = "Europe/Lisbon")]
    pub zone: String,
    /// True if seats can be reserved, from `sale_starts_at` until `sale_ends_at`.
    pub on_sale: bool,
    /// From when seats can be reserved, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_starts_at: Option<String>,
    /// Until when seats can be reserved, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_ends_at: Option<String>,
    /// Whether it takes place.
    pub status: EventStatus,
    /// When the doors open, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doors_at: Option<String>,
}

/// An event with its sections, rows and prices.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventAnswer {
    /// What is said about it.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// From when it is in lists and is found, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<String>,
    /// What kind of event it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "concert")]
    pub category: String,
    /// Some paragraphs about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The URL of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Where it is on the map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<VenueWords>,
    /// Who performs, in the order in which they are named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub performers: Vec<PerformerWords>,
    /// The run of dates that it is one of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesWords>,
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: String,
    /// The digits behind the point of the currency (ISO 4217): a price of 9800 with 2 of them is 98.00.
    #[schema(example = 2)]
    pub minor_units: u8,
    /// How many seats there are: the bits of the availability bitfield.
    pub seats: u32,
    /// How long a hold lasts, in seconds.
    pub hold_s: i32,
    /// How long a hold may last in all, with the time that its fan asks for, in seconds.
    pub hold_total_max_s: i32,
    /// Seats that one fan may have.
    pub fan_seats_max: u32,
    /// Grows with every edit.
    pub version: i64,
    /// From the first bit to the last.
    pub sections: Vec<SectionAnswer>,
}

/// A part of the hall at one price.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SectionAnswer {
    /// Its id.
    #[schema(example = "stalls-centre")]
    pub id: String,
    /// Its name.
    pub title: String,
    /// How it is sold.
    pub kind: SectionKind,
    /// How far from the stage, from 0.
    pub tier: u16,
    /// In the smallest unit of the currency.
    pub price: u32,
    /// The bit of its first seat.
    pub first: u32,
    /// How many seats it has.
    pub seats: u32,
    /// From the stage backwards.
    pub rows: Vec<RowAnswer>,
}

/// A row of seats. The id of a seat is `section-row-seat`, its bit is the row's first bit plus its position in the row.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RowAnswer {
    /// What is written at its end.
    pub label: String,
    /// The bit of its leftmost seat.
    pub first: u32,
    /// What is written on its seats, from left to right.
    pub seats: Vec<String>,
}

impl EventSummary {
    /// Describes an event in a few words.
    #[must_use]
    pub fn new(facts: &Facts) -> Self {
        let starts_at = DbTime::to_rfc3339(facts.starts_at);
        let (id, title, venue, zone) = (&facts.slug, &facts.title, &facts.venue, &facts.zone);
        Self {
            id: id.clone(),
            title: title.clone(),
            venue: venue.clone(),
            starts_at,
            zone: zone.clone(),
            on_sale: facts.on_sale,
            sale_starts_at: facts.sale_starts_at.map(DbTime::to_rfc3339),
            sale_ends_at: facts.sale_ends_at.map(DbTime::to_rfc3339),
            status: facts.status,
            doors_at: facts.doors_at.map(DbTime::to_rfc3339),
        }
    }
}

impl EventAnswer {
    /// Describes an event.
    #[must_use]
    pub fn new(seat_map: &SeatMap) -> Self {
        let About { category, description, image, place, performers, series } = seat_map.about.clone();
        Self {
            summary: EventSummary::new(&seat_map.facts),
            published_at: seat_map.facts.published_at.map(DbTime::to_rfc3339),
            category,
            description,
            image,
            place,
            performers,
            series,
            currency: seat_map.facts.currency.clone(),
            minor_units: minor_units_of_event(&seat_map.facts.currency),
            seats: seat_map.seats(),
            hold_s: seat_map.facts.hold_s,
            hold_total_max_s: seat_map.facts.hold_total_s(),
            fan_seats_max: seat_map.facts.fan_seats_max,
            version: seat_map.facts.version,
            sections: seat_map.sections.iter().map(section).collect(),
        }
    }
}

fn section(section: &Section) -> SectionAnswer {
    let units = section.units();
    let rows = section.rows.iter();
    SectionAnswer {
        id: section.slug.clone(),
        title: section.title.clone(),
        kind: section.kind,
        tier: section.tier,
        price: section.price,
        first: units.start,
        seats: units.end - units.start,
        rows: rows
            .map(|row| RowAnswer { label: row.label.clone(), first: row.first_unit, seats: row.seats.clone() })
            .collect(),
    }
}
