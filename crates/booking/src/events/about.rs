//! What is said about an event besides what selling it needs: where it is on the map, who performs, what it is about.
//!
//! Guarantees: venues, performers and series are shared by their ids. The newest words about one hold for all of its events,
//! and each of these gets a new version.

use serde::{Deserialize, Serialize};
use tokio_postgres::types::ToSql;
use utoipa::ToSchema;

use super::edit::{Misfit, is_slug, words};
use crate::db::{Client, DbError};
use crate::sql;

/// Characters of a description.
const DESCRIPTION_CHARS_MAX: usize = 10_000;
const IMAGE_CHARS_MAX: usize = 500;
const PERFORMERS_MAX: usize = 100;
const ALIASES_MAX: usize = 20;

macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(Box::new($value) as Box<dyn ToSql + Sync + Send>),*] };
}

/// Whether an event takes place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// It takes place when it says.
    #[default]
    Scheduled,
    /// It takes place later; the new time may not be known.
    Postponed,
    /// It does not take place, and nothing is sold.
    CalledOff,
}

impl EventStatus {
    /// As the tables have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Postponed => "postponed",
            Self::CalledOff => "called_off",
        }
    }

    /// Out of the tables.
    #[must_use]
    pub(crate) fn read(text: &str) -> Self {
        match text {
            "postponed" => Self::Postponed,
            "called_off" => Self::CalledOff,
            _ => Self::Scheduled,
        }
    }
}

/// Where events take place, as a place on the map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VenueWords {
    /// Its id, shared by all of its events.
    #[schema(example = "coliseu-do-tejo")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its city.
    pub city: String,
    /// Its country, ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "PT")]
    pub country: String,
    /// Degrees north, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Degrees east, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
}

/// Who performs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PerformerWords {
    /// Their id, shared by all of their events.
    #[schema(example = "sigur-ros")]
    pub id: String,
    /// Their name.
    pub name: String,
    /// Other names under which people look for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// True if the evening is theirs.
    #[serde(default)]
    pub headliner: bool,
}

/// A run of dates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesWords {
    /// Its id, shared by all of its events.
    #[schema(example = "winter-tour-2027")]
    pub id: String,
    /// Its name.
    pub title: String,
}

/// What is said about an event besides what selling it needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// What kind of event it is, like `concert`; empty unless given.
    pub category: String,
    /// Some paragraphs; empty unless given.
    pub description: String,
    /// An `https:` URL.
    pub image: Option<String>,
    /// The place on the map.
    pub place: Option<VenueWords>,
    /// Who performs, in the order in which they are named.
    pub performers: Vec<PerformerWords>,
    /// The run of dates that it is one of.
    pub series: Option<SeriesWords>,
}

impl About {
    /// Checks all of it.
    ///
    /// # Errors
    /// The first value that cannot be.
    pub(crate) fn check(&self) -> Result<(), Misfit> {
        if !self.category.is_empty() {
            slug("category", &self.category)?;
        }
        let fits = self.description.chars().count() <= DESCRIPTION_CHARS_MAX
            && !self.description.chars().any(|c| c.is_control() && c != '\n');
        if !fits {
            let detail =
                format!("At most {DESCRIPTION_CHARS_MAX} characters, without control characters but line ends.");
            return Err(misfit("description", detail));
        }
        if let Some(image) = &self.image {
            check_image(image)?;
        }
        if let Some(place) = &self.place {
            check_place(place)?;
        }
        if let Some(series) = &self.series {
            slug("series.id", &series.id)?;
            words("series.title", &series.title)?;
        }
        self.check_performers()
    }

    fn check_performers(&self) -> Result<(), Misfit> {
        if self.performers.len() > PERFORMERS_MAX {
            return Err(misfit("performers", format!("At most {PERFORMERS_MAX}, please.")));
        }
        for (number, performer) in self.performers.iter().enumerate() {
            let field = |name: &str| format!("performers[{number}].{name}");
            slug(&field("id"), &performer.id)?;
            words(&field("name"), &performer.name)?;
            if performer.aliases.len() > ALIASES_MAX {
                return Err(misfit(&field("aliases"), format!("At most {ALIASES_MAX}, please.")));
            }
            performer.aliases.iter().try_for_each(|alias| words(&field("aliases"), alias).map(drop))?;
            if self.performers[..number].iter().any(|known| known.id == performer.id) {
                return Err(misfit(&field("id"), format!("{:?} is named twice.", performer.id)));
            }
        }
        Ok(())
    }

    /// The statements, in order, that write what is shared by events, and which of it this event has. Other events whose venue,
    /// performers or series have other words then get a new version, and are emitted as edited.
    pub(crate) fn writes(&self, event_id: i32) -> Vec<Write> {
        let mut writes = Vec::new();
        if let Some(VenueWords { id, name, city, country, lat, lon }) = self.place.clone() {
            writes.push(Write::new(sql::VENUE_PUT, values![event_id, id, name, city, country, lat, lon]));
        }
        if let Some(SeriesWords { id, title }) = self.series.clone() {
            writes.push(Write::new(sql::SERIES_PUT, values![event_id, id, title]));
        }
        for PerformerWords { id, name, aliases, .. } in self.performers.clone() {
            writes.push(Write::new(sql::PERFORMER_PUT, values![event_id, id, name, aliases]));
        }
        let ids: Vec<String> = self.performers.iter().map(|performer| performer.id.clone()).collect();
        let headliners: Vec<bool> = self.performers.iter().map(|performer| performer.headliner).collect();
        writes.push(Write::new(sql::EVENT_PERFORMERS, values![event_id, ids, headliners]));
        let About { category, description, image, .. } = self.clone();
        let venue = self.place.as_ref().map(|place| place.id.clone());
        let series = self.series.as_ref().map(|series| series.id.clone());
        writes.push(Write::new(sql::EVENT_ABOUT, values![event_id, category, description, image, venue, series]));
        writes
    }

    /// Reads what is said about an event.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn read(client: &Client, event_id: i32) -> Result<Self, DbError> {
        let about = client.prepare_cached(sql::ABOUT_GET).await?;
        let Some(row) = client.query_opt(&about, &[&event_id]).await? else { return Ok(Self::default()) };
        let performers = client.prepare_cached(sql::ABOUT_PERFORMERS).await?;
        let performers = client.query(&performers, &[&event_id]).await?;
        let place = row.get::<_, Option<String>>("venue_slug").map(|id| VenueWords {
            id,
            name: row.get("name"),
            city: row.get("city"),
            country: row.get("country"),
            lat: row.get("lat"),
            lon: row.get("lon"),
        });
        let series = row.get::<_, Option<String>>("series_slug");
        Ok(Self {
            category: row.get("category"),
            description: row.get("description"),
            image: row.get("image"),
            place,
            performers: performers
                .iter()
                .map(|row| PerformerWords {
                    id: row.get("slug"),
                    name: row.get("name"),
                    aliases: row.get("aliases"),
                    headliner: row.get("headliner"),
                })
                .collect(),
            series: series.map(|id| SeriesWords { id, title: row.get("series_title") }),
        })
    }
}

/// A statement with its parameters.
pub(crate) struct Write {
    /// The statement.
    pub(crate) statement: &'static str,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Write {
    fn new(statement: &'static str, values: Vec<Box<dyn ToSql + Sync + Send>>) -> Self {
        Self { statement, values }
    }

    /// The parameters, in order.
    pub(crate) fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
    }
}

fn check_image(image: &str) -> Result<(), Misfit> {
    let host = image.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    let fits = host.is_some_and(|host| !host.is_empty())
        && image.len() <= IMAGE_CHARS_MAX
        && image.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\`".contains(&byte));
    if fits {
        Ok(())
    } else {
        Err(misfit("image", format!("An https: URL of at most {IMAGE_CHARS_MAX} characters, please.")))
    }
}

fn check_place(place: &VenueWords) -> Result<(), Misfit> {
    slug("place.id", &place.id)?;
    words("place.name", &place.name)?;
    words("place.city", &place.city)?;
    let country = place.country.as_bytes();
    let is_code = country.len() == 2 && country.iter().all(u8::is_ascii_uppercase);
    if !(country.is_empty() || is_code) {
        return Err(misfit("place.country", "Two capital letters of ISO 3166-1, like PT, please."));
    }
    match (place.lat, place.lon) {
        (None, None) => Ok(()),
        (Some(lat), Some(lon)) if lat.abs() <= 90.0 && lon.abs() <= 180.0 => Ok(()),
        (Some(_), Some(_)) => Err(misfit("place.lat", "Degrees: lat from -90 to 90, lon from -180 to 180, please.")),
        _ => Err(misfit("place.lat", "Both lat and lon, or none of them, please.")),
    }
}

fn slug(field: &str, text: &str) -> Result<(), Misfit> {
    let detail = || format!("{text:?} is no id: 1 to 64 of a-z, 0-9 and -, not beginning with -.");
    if is_slug(text) { Ok(()) } else { Err(misfit(field, detail())) }
}

fn misfit(field: &str, detail: impl Into<String>) -> Misfit {
    Misfit { field: field.to_owned(), detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            category: "concert".into(),
            image: Some("https://example.com/a.jpg".into()),
            place: Some(VenueWords {
                id: "hall".into(),
                name: "Hall".into(),
                city: "Porto".into(),
                country: "PT".into(),
                lat: Some(41.15),
                lon: Some(-8.61),
            }),
            performers: vec![PerformerWords { id: "a".into(), name: "A".into(), aliases: vec![], headliner: true }],
            ..About::default()
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        about().check().expect("a sound one");
        About::default().check().expect("nothing is needed");
        type Spoil = fn(&mut About);
        let wrong: [(Spoil, &str); 10] = [
            (|about| about.category = "Pop music".into(), "category"),
            (|about| about.description = "a\u{0}b".into(), "description"),
            (|about| about.image = Some("http://example.com/a.jpg".into()), "image"),
            (|about| about.image = Some("https://example.com/\"onload=".into()), "image"),
            (|about| about.place.as_mut().expect("one").country = "pt".into(), "place.country"),
            (|about| about.place.as_mut().expect("one").lat = Some(f64::NAN), "place.lat"),
            (|about| about.place.as_mut().expect("one").lon = None, "place.lat"),
            (|about| about.performers.push(about.performers[0].clone()), "performers[1].id"),
            (|about| about.performers[0].aliases = vec![String::new()], "performers[0].aliases"),
            (|about| about.series = Some(SeriesWords { id: "-".into(), title: "A".into() }), "series.id"),
        ];
        for (change, field) in wrong {
            let mut about = about();
            change(&mut about);
            assert_eq!(about.check().expect_err(field).field, field);
        }
    }
}
