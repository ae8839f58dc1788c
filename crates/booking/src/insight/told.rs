//! Signals as organizers are told them.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::reader::INSIGHT;
use super::sales::SalesDesk;
use super::signals::SignalKind;
use crate::db::{DbError, DbTime};
use crate::events::seat_map::Facts;
use crate::number::number;
use crate::sql;

/// Signals of one answer, the strongest first.
const TOLD_MAX: i64 = 500;

/// The signals about an event.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SignalList {
    /// The event's id.
    pub event: String,
    /// When this was so. RFC 3339 in UTC.
    pub at: String,
    /// What happened before is not known. RFC 3339 in UTC.
    pub knows_from: String,
    /// The age of the oldest change that was not looked at yet, in seconds.
    pub behind_seconds: i64,
    /// The strongest first, 500 at most.
    pub signals: Vec<ToldSignal>,
}

/// Evidence, and no verdict: nothing is refused or cancelled because of it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ToldSignal {
    /// What it is about.
    pub kind: SignalKind,
    /// What the bookings have in common: a keyed digest that means nothing on another day, a fan's pseudonym, a time or a seat.
    #[schema(example = "card:5f0c2b9d8e7a6140")]
    pub subject: String,
    /// From 0 to 1: how little it looks like chance.
    pub score: f64,
    /// The evidence in a sentence.
    #[schema(example = "7 fans have bought 26 seats with one card")]
    pub why: String,
    /// The numbers of that sentence.
    pub evidence: BTreeMap<String, f64>,
    /// Pseudonyms of the fans, as messages have them; 200 at most.
    pub fans: Vec<String>,
    /// The bookings, in the order in which they were held; 200 at most.
    pub bookings: Vec<ToldBooking>,
    /// When the first of them was held. RFC 3339 in UTC.
    pub first_at: String,
    /// When the last thing happened to one of them. RFC 3339 in UTC.
    pub last_at: String,
    /// When it was found. RFC 3339 in UTC.
    pub found_at: String,
}

/// A booking that a signal is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ToldBooking {
    /// Its id.
    pub booking_id: Uuid,
    /// Its number, for people.
    #[schema(example = "K7QM2-XRD4T")]
    pub number: String,
    /// How it stands: held, confirmed, expired, cancelled.
    pub status: String,
    /// True if the organizer has put it in review.
    pub in_review: bool,
}

impl SalesDesk {
    /// The signals about an event. Nothing where nobody counts.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn signals(&self, facts: &Facts) -> Result<Option<SignalList>, DbError> {
        let client = self.database.client().await?;
        let sink = client.prepare_cached(sql::SINK_GET).await?;
        let Some(sink) = client.query_opt(&sink, &[&INSIGHT]).await? else { return Ok(None) };
        let list = client.prepare_cached(sql::SIGNAL_LIST).await?;
        let rows = client.query(&list, &[&facts.event_id, &TOLD_MAX]).await?;
        let ids: Vec<Uuid> = rows.iter().flat_map(|row| row.get::<_, Vec<Uuid>>("bookings")).collect();
        let look = client.prepare_cached(sql::SIGNAL_BOOKINGS).await?;
        let known = client.query(&look, &[&ids]).await?;
        drop(client);
        let known: HashMap<Uuid, ToldBooking> = known.iter().map(read_booking).collect();
        Ok(Some(SignalList {
            event: facts.slug.clone(),
            at: sink.get::<_, DbTime>("now").to_rfc3339(),
            knows_from: sink.get::<_, DbTime>("knows_from").to_rfc3339(),
            behind_seconds: sink.get("lag_s"),
            signals: rows.iter().filter_map(|row| read(row, &known)).collect(),
        }))
    }
}

fn read_booking(row: &tokio_postgres::Row) -> (Uuid, ToldBooking) {
    let booking_id: Uuid = row.get("booking_id");
    let (status, in_review) = (row.get("status"), row.get("in_review"));
    (booking_id, ToldBooking { booking_id, number: number(booking_id), status, in_review })
}

/// Nothing where it is of a kind that a later program has found.
fn read(row: &tokio_postgres::Row, known: &HashMap<Uuid, ToldBooking>) -> Option<ToldSignal> {
    let time = |name| row.get::<_, DbTime>(name).to_rfc3339();
    let bookings: Vec<Uuid> = row.get("bookings");
    Some(ToldSignal {
        kind: SignalKind::from_name(row.get("kind"))?,
        subject: row.get("subject"),
        score: row.get("score"),
        why: row.get("why"),
        evidence: serde_json::from_str(row.get("evidence")).unwrap_or_default(),
        fans: row.get("fans"),
        bookings: bookings.iter().filter_map(|id| known.get(id).cloned()).collect(),
        first_at: time("first_at"),
        last_at: time("last_at"),
        found_at: time("found_at"),
    })
}
