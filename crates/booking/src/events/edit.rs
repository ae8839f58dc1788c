//! What an organizer may change about an event, judged as a whole before any of it is written. Pure, but for writing it.
//!
//! Guarantees: two edits of the same version do not both succeed; what is held or sold keeps its price; the seats stay.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::about::{About, EventStatus, PerformerWords, SeriesWords, VenueWords};
use super::seat_map::{Facts, HOLD_S_MAX, SeatMap};
use crate::db::{Database, DbError, DbTime};
use crate::sql;
use crate::units::signed;
use fairgate_telemetry::written_time::read_time_ms;

const WORDS_CHARS_MAX: usize = 200;
const FAN_SEATS_MAX: u32 = 100;
/// What the tables hold in the smallest unit of the currency.
pub(crate) const PRICE_MAX: u32 = i32::MAX.unsigned_abs();

/// What is to be changed; what is not named stays.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventPatch {
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where it takes place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub venue: Option<String>,
    /// When it begins: `2027-06-21T20:30[Europe/Lisbon]` or RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<String>,
    /// The IANA zone in which people are told the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// How long a hold lasts, from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_s: Option<i32>,
    /// How long a hold may last in all, however often its fan asks for more time; `hold_s` allows no more time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_total_max_s: Option<i32>,
    /// Seats that one fan may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fan_seats_max: Option<u32>,
    /// True if seats can be reserved within the sale's window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_sale: Option<bool>,
    /// From when; `null` takes the bound away.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub sale_starts_at: Option<Option<String>>,
    /// Until when; `null` takes the bound away.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub sale_ends_at: Option<Option<String>>,
    /// What kind of event it is, like `concert`; empty takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Some paragraphs about it; empty takes them away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// An `https:` URL of a picture; `null` takes it away.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub image: Option<Option<String>>,
    /// Whether it takes place. What is called off is not sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<EventStatus>,
    /// From when it is in lists and is found; `null` takes the bound away.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub published_at: Option<Option<String>>,
    /// When the doors open; `null` takes it away.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub doors_at: Option<Option<String>>,
    /// Where it is on the map. These words hold for all events at this venue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<VenueWords>,
    /// Who performs, all of them. These words hold for all of their events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performers: Option<Vec<PerformerWords>>,
    /// The run of dates that it is one of. These words hold for all of its events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesWords>,
    /// Sections by their ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sections: BTreeMap<String, SectionPatch>,
}

/// What is to be changed about a section.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SectionPatch {
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// In the smallest unit of the currency, for holds from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<u32>,
}

/// Tells `null` from nothing.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A value that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct Misfit {
    /// Where it stands.
    pub field: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

/// An event as it should be, on top of the version that was edited.
#[derive(Clone, Debug, PartialEq)]
pub struct Edited {
    facts: Facts,
    about: About,
    sections: Vec<(String, String, u32)>,
}

/// Why an edit was not written.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Somebody has edited the event since.
    #[error("the event has another version by now")]
    OtherVersion,
    /// The database cannot be reached.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<tokio_postgres::Error> for EditError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Judges a patch against the event as it is.
///
/// # Errors
/// The first value that cannot be.
pub fn edit(seat_map: &SeatMap, patch: &EventPatch) -> Result<Edited, Misfit> {
    let mut facts = seat_map.facts.clone();
    if let Some(title) = &patch.title {
        facts.title = words("title", title)?;
    }
    if let Some(venue) = &patch.venue {
        facts.venue = words("venue", venue)?;
    }
    if let Some(zone) = &patch.zone {
        facts.zone = check_zone("zone", zone)?;
    }
    if let Some(starts_at) = &patch.starts_at {
        facts.starts_at = time("starts_at", starts_at)?;
    }
    let bounds = [
        ("sale_starts_at", &patch.sale_starts_at, &mut facts.sale_starts_at),
        ("sale_ends_at", &patch.sale_ends_at, &mut facts.sale_ends_at),
        ("published_at", &patch.published_at, &mut facts.published_at),
        ("doors_at", &patch.doors_at, &mut facts.doors_at),
    ];
    for (field, given, bound) in bounds {
        if let Some(given) = given {
            *bound = given.as_deref().map(|text| time(field, text)).transpose()?;
        }
    }
    facts.status = patch.status.unwrap_or(facts.status);
    facts.on_sale = patch.on_sale.unwrap_or(facts.on_sale);
    facts.hold_s = patch.hold_s.unwrap_or(facts.hold_s);
    facts.hold_total_max_s = patch.hold_total_max_s.or(facts.hold_total_max_s);
    facts.fan_seats_max = patch.fan_seats_max.unwrap_or(facts.fan_seats_max);
    check_bounds(&facts)?;
    let sections =
        patch.sections.iter().map(|(slug, change)| edit_section(seat_map, slug, change)).collect::<Result<_, _>>()?;
    Ok(Edited { facts, about: edit_about(&seat_map.about, patch)?, sections })
}

fn edit_about(about: &About, patch: &EventPatch) -> Result<About, Misfit> {
    let about = about.clone();
    let edited = About {
        category: patch.category.clone().unwrap_or(about.category),
        description: patch.description.clone().unwrap_or(about.description),
        image: patch.image.clone().unwrap_or(about.image),
        place: patch.place.clone().or(about.place),
        performers: patch.performers.clone().unwrap_or(about.performers),
        series: patch.series.clone().or(about.series),
    };
    edited.check()?;
    Ok(edited)
}

fn edit_section(seat_map: &SeatMap, slug: &str, change: &SectionPatch) -> Result<(String, String, u32), Misfit> {
    let field = |name: &str| format!("sections.{slug}{name}");
    let section = seat_map.section(slug).ok_or_else(|| misfit(&field(""), "There is no such section."))?;
    let title = change.title.as_deref().map_or(Ok(section.title.clone()), |title| words(&field(".title"), title))?;
    let price = check_price(&field(".price"), change.price.unwrap_or(section.price))?;
    Ok((slug.to_owned(), title, price))
}

/// What must hold for every event.
pub(crate) fn check_bounds(facts: &Facts) -> Result<(), Misfit> {
    if !(1..=HOLD_S_MAX).contains(&facts.hold_s) {
        return Err(misfit("hold_s", format!("From 1 to {HOLD_S_MAX} seconds, please.")));
    }
    if facts.hold_total_max_s.is_some_and(|total_s| !(facts.hold_s..=HOLD_S_MAX).contains(&total_s)) {
        let detail = format!("From {} seconds (one hold, and no more time) to {HOLD_S_MAX}, please.", facts.hold_s);
        return Err(misfit("hold_total_max_s", detail));
    }
    if !(1..=FAN_SEATS_MAX).contains(&facts.fan_seats_max) {
        return Err(misfit("fan_seats_max", format!("From 1 to {FAN_SEATS_MAX} seats, please.")));
    }
    match (facts.sale_starts_at, facts.sale_ends_at) {
        (Some(from), Some(until)) if from >= until => Err(misfit("sale_ends_at", "The sale must end after it starts.")),
        _ => Ok(()),
    }
}

pub(crate) fn check_price(field: &str, price: u32) -> Result<u32, Misfit> {
    if price <= PRICE_MAX { Ok(price) } else { Err(misfit(field, format!("From 0 to {PRICE_MAX}, please."))) }
}

pub(crate) fn check_zone(field: &str, zone: &str) -> Result<String, Misfit> {
    let known = TimeZone::get(zone).is_ok();
    let detail = || format!("{zone:?} is no zone of the IANA database, like \"Europe/Lisbon\".");
    if known { Ok(zone.to_owned()) } else { Err(misfit(field, detail())) }
}

/// True if it can be a name in URLs and requests.
pub(crate) fn is_slug(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| plain(byte) || byte == b'-')
        && text.bytes().next().is_some_and(plain)
}

pub(crate) fn words(field: &str, words: &str) -> Result<String, Misfit> {
    let count = words.chars().count();
    let fits = !words.trim().is_empty() && count <= WORDS_CHARS_MAX && !words.chars().any(char::is_control);
    if fits {
        Ok(words.to_owned())
    } else {
        Err(misfit(field, format!("1 to {WORDS_CHARS_MAX} characters on one line, please.")))
    }
}

/// A point in time; one that the clocks skip or show twice is refused.
pub(crate) fn time(field: &str, text: &str) -> Result<DbTime, Misfit> {
    let at_ms = read_time_ms(text).map_err(|wrong| misfit(field, wrong.to_string()))?;
    i64::try_from(at_ms).map(DbTime).map_err(|_| misfit(field, "That is too far away."))
}

fn misfit(field: &str, detail: impl Into<String>) -> Misfit {
    Misfit { field: field.to_owned(), detail: detail.into() }
}

impl Edited {
    /// Writes the edit, if nobody else has edited the event since; answers the new version.
    ///
    /// # Errors
    /// [`EditError`]; nothing was written.
    pub async fn write(&self, database: &Database) -> Result<i64, EditError> {
        let client = database.begin().await?;
        let edit = client.prepare_cached(sql::EVENT_EDIT).await?;
        let Facts { event_id, version, title, venue, starts_at, zone, hold_s, on_sale, .. } = &self.facts;
        let seats_max = signed(&[self.facts.fan_seats_max])[0];
        let (sale_starts_at, sale_ends_at) = (&self.facts.sale_starts_at, &self.facts.sale_ends_at);
        let edited = client
            .query_opt(
                &edit,
                &[
                    event_id,
                    version,
                    title,
                    venue,
                    starts_at,
                    zone,
                    hold_s,
                    &seats_max,
                    on_sale,
                    sale_starts_at,
                    sale_ends_at,
                    &self.facts.hold_total_max_s,
                    &self.facts.status.as_str(),
                    &self.facts.published_at,
                    &self.facts.doors_at,
                ],
            )
            .await?
            .ok_or(EditError::OtherVersion)?;
        let edit_section = client.prepare_cached(sql::SECTION_EDIT).await?;
        for (slug, title, price) in &self.sections {
            client.execute(&edit_section, &[event_id, slug, title, &signed(&[*price])[0]]).await?;
        }
        for write in self.about.writes(*event_id) {
            let statement = client.prepare_cached(write.statement).await?;
            client.execute(&statement, &write.values()).await?;
        }
        let emit = client.prepare_cached(sql::EVENT_EMIT).await?;
        let kinds: &[&str] = if edited.get("has_moved") { &["edited", "changed"] } else { &["edited"] };
        client.query(&emit, &[event_id, &kinds]).await?;
        client.commit().await?;
        Ok(edited.get("version"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::local_time::in_zone;
    use crate::events::seat_map::tests::small;

    fn patch(json: &str) -> EventPatch {
        serde_json::from_str(json).expect("a patch")
    }

    #[test]
    fn what_is_not_named_stays() {
        let seat_map = small(&[3]);
        assert_eq!(
            edit(&seat_map, &patch("{}")).expect("nothing"),
            Edited { facts: seat_map.facts.clone(), about: About::default(), sections: vec![] }
        );
        let edited =
            edit(&seat_map, &patch(r#"{"title": "Encore", "sections": {"a": {"price": 1}}}"#)).expect("an edit");
        assert_eq!(edited.facts, Facts { title: "Encore".into(), ..seat_map.facts.clone() });
        assert_eq!(edited.sections, [("a".to_owned(), "A".to_owned(), 1)]);
    }

    #[test]
    fn null_takes_a_bound_away_and_nothing_leaves_it() {
        let mut seat_map = small(&[3]);
        seat_map.facts.sale_ends_at = Some(DbTime(5));
        assert_eq!(edit(&seat_map, &patch("{}")).expect("nothing").facts.sale_ends_at, Some(DbTime(5)));
        assert_eq!(edit(&seat_map, &patch(r#"{"sale_ends_at": null}"#)).expect("an edit").facts.sale_ends_at, None);
    }

    #[test]
    fn times_are_local_to_the_place_and_never_guessed() {
        let seat_map = small(&[3]);
        let edited = edit(&seat_map, &patch(r#"{"starts_at": "2027-06-21T20:30[Europe/Lisbon]"}"#)).expect("an edit");
        assert_eq!(edited.facts.starts_at, DbTime(1_813_606_200_000));
        for (what, text) in [
            ("a gap", "2027-03-28T01:30[Europe/Lisbon]"),
            ("a fold", "2026-10-25T01:30[Europe/Lisbon]"),
            ("no zone", "2027-06-21T20:30"),
        ] {
            let refused = edit(&seat_map, &patch(&format!(r#"{{"starts_at": "{text}"}}"#)));
            assert_eq!(refused.expect_err(what).field, "starts_at");
        }
        let later =
            edit(&seat_map, &patch(r#"{"starts_at": "2026-10-25T01:30+00:00[Europe/Lisbon]"}"#)).expect("told apart");
        assert_eq!(in_zone(later.facts.starts_at, "Europe/Lisbon").split(' ').nth(5), Some("WET"));
    }

    #[test]
    fn what_cannot_be_is_named() {
        let seat_map = small(&[3]);
        for (json, field) in [
            (r#"{"title": " "}"#, "title"),
            (r#"{"venue": "a\nb"}"#, "venue"),
            (r#"{"zone": "Lisbon"}"#, "zone"),
            (r#"{"hold_s": 0}"#, "hold_s"),
            (r#"{"hold_s": 60, "hold_total_max_s": 59}"#, "hold_total_max_s"),
            (r#"{"fan_seats_max": 101}"#, "fan_seats_max"),
            (r#"{"sale_starts_at": "2027-01-02T00:00Z", "sale_ends_at": "2027-01-01T00:00Z"}"#, "sale_ends_at"),
            (r#"{"category": "Pop!"}"#, "category"),
            (r#"{"image": "javascript:alert(1)"}"#, "image"),
            (r#"{"doors_at": "soon"}"#, "doors_at"),
            (r#"{"place": {"id": "a", "name": "A", "city": ""}}"#, "place.city"),
            (r#"{"sections": {"moon": {}}}"#, "sections.moon"),
            (r#"{"sections": {"a": {"price": 4000000000}}}"#, "sections.a.price"),
        ] {
            assert_eq!(edit(&seat_map, &patch(json)).expect_err(json).field, field);
        }
    }
}
