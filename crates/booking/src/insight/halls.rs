//! How events are sold, as far as insight needs it: rows, sections, and how many seats a fan may have.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::signals::{Hall, SeatRow};
use crate::db::{Database, DbError};
use crate::sql;

/// Events that are remembered; beyond it they are read again.
const EVENTS_MAX: usize = 10_000;
/// Seats never change, but organizers change how many a fan may have.
const KNOWN_FOR: Duration = Duration::from_secs(60);

/// The halls of events.
#[derive(Debug)]
pub(super) struct Halls {
    database: Database,
    known: HashMap<i32, (Instant, Arc<Hall>)>,
}

impl Halls {
    pub(super) fn new(database: Database) -> Self {
        Self { database, known: HashMap::new() }
    }

    /// The hall of an event, as it was a minute ago at most.
    pub(super) async fn of(&mut self, event_id: i32) -> Result<Arc<Hall>, DbError> {
        if let Some((read_at, hall)) = self.known.get(&event_id)
            && read_at.elapsed() < KNOWN_FOR
        {
            return Ok(Arc::clone(hall));
        }
        let client = self.database.client().await?;
        let read = client.prepare_cached(sql::EVENT_HALL).await?;
        let rows = client.query(&read, &[&event_id]).await?;
        let seats_max = rows.first().map_or(0, |row| row.get::<_, i32>("fan_seats_max").unsigned_abs());
        let row = |row: &tokio_postgres::Row| SeatRow {
            first_unit: row.get("first_unit"),
            section: row.get("section"),
            is_seated: row.get("is_seated"),
        };
        let hall = Arc::new(Hall { seats_max: seats_max as usize, rows: rows.iter().map(row).collect() });
        if self.known.len() >= EVENTS_MAX {
            self.known.clear();
        }
        self.known.insert(event_id, (Instant::now(), Arc::clone(&hall)));
        Ok(hall)
    }

    /// The section of a seat, by its place in the event.
    pub(super) async fn section(&mut self, event_id: i32, unit: i32) -> Result<i16, DbError> {
        Ok(self.of(event_id).await?.row(unit).map_or(0, |row| row.section))
    }
}
