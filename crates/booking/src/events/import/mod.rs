//! Reading seat plans of organizers: every mistake by its line, and all of a plan or nothing.
//!
//! Guarantees: a plan that is read without a mistake can be written; nothing is written before the whole plan was read.

mod csv;
mod draft;
mod json;
mod price;
mod text;

use crate::db::DbTime;
use crate::events::about::{About, EventStatus, PerformerWords, SeriesWords, VenueWords};
use crate::events::edit::{Misfit, check_bounds, check_zone, is_slug, time, words};
use crate::events::seat_map::{Facts, Section};
use crate::money::minor_units;

pub use csv::read_csv;
pub use draft::{LineError, SEATS_MAX};
pub use json::read_json;
pub use text::{Text, read_text};

const HOLD_S: i32 = 480;
const FAN_SEATS: u32 = 6;

/// What is said about an event that is imported, as people write it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventWords {
    /// The event's name in URLs and requests.
    pub id: String,
    /// The event's name for people.
    pub title: String,
    /// Where it takes place.
    pub venue: String,
    /// When it begins, with its zone: `2027-06-21T20:30[Europe/Lisbon]`.
    pub starts_at: String,
    /// ISO 4217.
    pub currency: String,
    /// How long a hold lasts.
    #[serde(default)]
    pub hold_s: Option<i32>,
    /// How long a hold may last in all, however often its fan asks for more time.
    #[serde(default)]
    pub hold_total_max_s: Option<i32>,
    /// Seats that one fan may have.
    #[serde(default)]
    pub fan_seats_max: Option<u32>,
    /// True if seats can be reserved within the sale's window.
    #[serde(default)]
    pub on_sale: Option<bool>,
    /// From when seats can be reserved.
    #[serde(default)]
    pub sale_starts_at: Option<String>,
    /// Until when seats can be reserved.
    #[serde(default)]
    pub sale_ends_at: Option<String>,
    /// Whether it takes place.
    #[serde(default)]
    pub status: EventStatus,
    /// From when it is in lists and is found.
    #[serde(default)]
    pub published_at: Option<String>,
    /// When the doors open.
    #[serde(default)]
    pub doors_at: Option<String>,
    /// What kind of event it is, like `concert`.
    #[serde(default)]
    pub category: String,
    /// Some paragraphs about it.
    #[serde(default)]
    pub description: String,
    /// An `https:` URL of a picture.
    #[serde(default)]
    pub image: Option<String>,
    /// Where it is on the map.
    #[serde(default)]
    pub place: Option<VenueWords>,
    /// Who performs.
    #[serde(default)]
    pub performers: Vec<PerformerWords>,
    /// The run of dates that it is one of.
    #[serde(default)]
    pub series: Option<SeriesWords>,
}

/// An event that can be written.
#[derive(Clone, Debug)]
pub struct Import {
    /// What is said about it.
    pub facts: Facts,
    /// What is said about it besides.
    pub about: About,
    /// Its sections, rows and seats.
    pub sections: Vec<Section>,
}

impl EventWords {
    /// Reads what people wrote.
    ///
    /// # Errors
    /// The first word that cannot be.
    pub fn read(&self) -> Result<Facts, Misfit> {
        let facts = Facts {
            event_id: 0,
            slug: event_id(&self.id)?,
            title: words("title", &self.title)?,
            venue: words("venue", &self.venue)?,
            starts_at: time("starts_at", &self.starts_at)?,
            zone: zone(&self.starts_at)?,
            currency: currency(&self.currency)?,
            hold_s: self.hold_s.unwrap_or(HOLD_S),
            hold_total_max_s: self.hold_total_max_s,
            fan_seats_max: self.fan_seats_max.unwrap_or(FAN_SEATS),
            on_sale: self.on_sale.unwrap_or(true),
            sale_starts_at: bound("sale_starts_at", self.sale_starts_at.as_deref())?,
            sale_ends_at: bound("sale_ends_at", self.sale_ends_at.as_deref())?,
            status: self.status,
            published_at: bound("published_at", self.published_at.as_deref())?,
            doors_at: bound("doors_at", self.doors_at.as_deref())?,
            version: 1,
        };
        check_bounds(&facts)?;
        Ok(facts)
    }

    /// Reads what people wrote besides.
    ///
    /// # Errors
    /// The first word that cannot be.
    pub fn read_about(&self) -> Result<About, Misfit> {
        let about = About {
            category: self.category.clone(),
            description: self.description.clone(),
            image: self.image.clone(),
            place: self.place.clone(),
            performers: self.performers.clone(),
            series: self.series.clone(),
        };
        about.check()?;
        Ok(about)
    }
}

fn bound(field: &str, text: Option<&str>) -> Result<Option<DbTime>, Misfit> {
    text.map(|text| time(field, text)).transpose()
}

/// The zone in brackets: people are told the time of the place, so the place must be named.
fn zone(starts_at: &str) -> Result<String, Misfit> {
    let named = starts_at.split_once('[').and_then(|(_, rest)| rest.strip_suffix(']'));
    let detail = "Name the zone of the place, like 2027-06-21T20:30[Europe/Lisbon].";
    let named = named.ok_or_else(|| Misfit { field: "starts_at".into(), detail: detail.into() })?;
    check_zone("starts_at", named)
}

fn currency(code: &str) -> Result<String, Misfit> {
    if minor_units(code).is_some() {
        return Ok(code.to_owned());
    }
    let meant = code.trim().to_ascii_uppercase();
    let detail = if minor_units(&meant).is_some() {
        format!("{code:?} is written {meant}.")
    } else {
        format!(
            "{code:?} is no currency of ISO 4217 that can be charged: three capital letters, like EUR, USD or JPY, please."
        )
    };
    Err(Misfit { field: "currency".into(), detail })
}

/// A name in URLs and requests.
fn slug(field: &str, text: &str) -> Result<String, Misfit> {
    let detail = format!("{text:?} is no id: 1 to 64 of a-z, 0-9 and -, not beginning with -.");
    if is_slug(text) { Ok(text.to_owned()) } else { Err(Misfit { field: field.to_owned(), detail }) }
}

/// The id of an event. One is the name of a call.
fn event_id(text: &str) -> Result<String, Misfit> {
    if text != "search" {
        return slug("id", text);
    }
    let detail = "\"search\" is where events are searched for: /api/v1/events/search. Take another id, please.";
    Err(Misfit { field: "id".to_owned(), detail: detail.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> EventWords {
        EventWords {
            id: "night".into(),
            title: "Night".into(),
            venue: "Hall".into(),
            starts_at: "2027-06-21T20:30[Europe/Lisbon]".into(),
            currency: "EUR".into(),
            ..EventWords::default()
        }
    }

    #[test]
    fn an_event_knows_its_place_and_time() {
        let facts = event().read().expect("an event");
        assert_eq!((facts.zone.as_str(), facts.starts_at), ("Europe/Lisbon", DbTime(1_813_606_200_000)));
        assert!(facts.on_sale);
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (wrong, field) in [
            (EventWords { id: "-x".into(), ..event() }, "id"),
            (EventWords { id: "search".into(), ..event() }, "id"),
            (EventWords { title: String::new(), ..event() }, "title"),
            (EventWords { starts_at: "2027-06-21T20:30+01:00".into(), ..event() }, "starts_at"),
            (EventWords { starts_at: "2027-03-28T01:30[Europe/Lisbon]".into(), ..event() }, "starts_at"),
            (EventWords { currency: "euro".into(), ..event() }, "currency"),
            (EventWords { currency: "XXQ".into(), ..event() }, "currency"),
            (EventWords { currency: "eur".into(), ..event() }, "currency"),
            (EventWords { hold_s: Some(0), ..event() }, "hold_s"),
            (EventWords { sale_ends_at: Some("tomorrow".into()), ..event() }, "sale_ends_at"),
        ] {
            assert_eq!(wrong.read().expect_err(field).field, field);
        }
    }
}
