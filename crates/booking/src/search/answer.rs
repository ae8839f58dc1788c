//! Found events as clients get them, as JSON. Fields may be added, never renamed.

use serde::Serialize;
use utoipa::ToSchema;

use super::document::EventDocument;
use super::index::Found;
use super::question::{PAGE_EVENTS, PAGES_MAX, Question};
use crate::db::DbTime;
use crate::events::about::EventStatus;
use crate::money::minor_units_of_event;

/// Beyond so many, events are not counted to clients.
const TOTAL_MAX: usize = 10_000;

/// What was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SearchAnswer {
    /// What was looked for, as it was asked.
    pub query: String,
    /// Which page this is, from 1.
    pub page: usize,
    /// How many pages there are; at most 50.
    pub pages: usize,
    /// How many events were found, on all pages; at most 10,000.
    pub total: usize,
    /// True if there are more than `total`.
    pub total_more: bool,
    /// True if no event has all of the words: these have all but one.
    pub relaxed: bool,
    /// True if the index may lack events at this moment, such as right after a start.
    pub stale: bool,
    /// What fits best first.
    pub events: Vec<FoundEvent>,
}

/// How many seats are left, as far as this core knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Left {
    /// More than one in ten.
    Many,
    /// Up to one in ten.
    Few,
    /// None at this moment.
    None,
    /// Nobody has asked this core about its seats lately.
    Unknown,
}

/// An event that was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FoundEvent {
    /// Its id.
    #[schema(example = "midsummer-night")]
    pub id: String,
    /// Its name.
    pub title: String,
    /// Who performs, in the order in which they are named.
    pub performers: Vec<String>,
    /// Where it is.
    pub venue: String,
    /// Its city, if it is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub city: String,
    /// Its country, ISO 3166-1 alpha-2, if it is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
    /// What kind of event it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub category: String,
    /// The URL of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// When it begins, RFC 3339 in UTC.
    pub starts_at: String,
    /// When it begins where it takes place.
    #[schema(example = "2027-06-21T20:30")]
    pub starts_at_local: String,
    /// The zone of that.
    #[schema(example = "Europe/Lisbon")]
    pub zone: String,
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: String,
    /// The digits behind the point of the currency (ISO 4217).
    pub minor_units: u8,
    /// The cheapest section, in the smallest unit of the currency.
    pub price_min: u32,
    /// The dearest section.
    pub price_max: u32,
    /// Whether it takes place.
    pub status: EventStatus,
    /// True if seats can be reserved, from `sale_starts_at` until `sale_ends_at`.
    pub on_sale: bool,
    /// From when seats can be reserved, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_starts_at: Option<String>,
    /// Until when seats can be reserved, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_ends_at: Option<String>,
    /// How many seats are left, as far as this core knows.
    pub left: Left,
}

impl SearchAnswer {
    pub(super) fn new(question: &Question, found: Found, is_stale: bool, left: impl Fn(i32) -> Left) -> Self {
        let events = found.events.into_iter().map(|event| {
            let left = left(event.event_id);
            FoundEvent::new(event, left)
        });
        Self {
            query: question.text.clone(),
            page: question.page,
            pages: found.total.div_ceil(PAGE_EVENTS).min(PAGES_MAX),
            total: found.total.min(TOTAL_MAX),
            total_more: found.total > TOTAL_MAX,
            relaxed: found.is_relaxed,
            stale: is_stale,
            events: events.collect(),
        }
    }
}

impl FoundEvent {
    fn new(event: EventDocument, left: Left) -> Self {
        let utc = |ms: i64| DbTime(ms).to_rfc3339();
        Self {
            starts_at: utc(event.starts_at_ms),
            starts_at_local: local(event.starts_at_ms, &event.zone),
            minor_units: minor_units_of_event(&event.currency),
            id: event.slug,
            title: event.title,
            performers: event.performers,
            venue: event.venue,
            city: event.city,
            country: event.country,
            category: event.category,
            image: event.image,
            zone: event.zone,
            currency: event.currency,
            price_min: event.price_min,
            price_max: event.price_max,
            status: event.status,
            on_sale: event.on_sale && event.status != EventStatus::CalledOff,
            sale_starts_at: event.sale_starts_at_ms.map(utc),
            sale_ends_at: event.sale_ends_at_ms.map(utc),
            left,
        }
    }
}

fn local(ms: i64, zone: &str) -> String {
    let instant = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX);
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    zone.to_datetime(instant).strftime("%Y-%m-%dT%H:%M").to_string()
}
