//! Messages about rows of the log: what happened, with the event and the booking that it happened to.
//!
//! Guarantees:
//! - a kind that is not known here is left out, counted, and said once; it holds nothing up
//! - an event is read again once it was edited

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tracing::warn;

use super::installation::Installation;
use super::log::Change;
use super::message::{Kind, Message};
use crate::db::{Database, DbError};
use crate::events::read::read_event;
use crate::events::seat_map::SeatMap;

/// Events that are remembered; beyond it they are read again.
const SEAT_MAPS_MAX: usize = 512;
/// Unknown kinds that are told one by one.
const UNKNOWN_MAX: usize = 16;

/// Makes messages of rows.
#[derive(Debug)]
pub(super) struct Describer {
    database: Database,
    installation: Option<Arc<Installation>>,
    seat_maps: HashMap<i32, Arc<SeatMap>>,
    /// Kinds that were left out.
    unknown: HashSet<String>,
}

impl Describer {
    pub(super) fn new(database: Database) -> Self {
        Self { database, installation: None, seat_maps: HashMap::new(), unknown: HashSet::new() }
    }

    /// The messages about rows, in their order. Those of unknown kinds are missing.
    pub(super) async fn messages(&mut self, page: &[Change]) -> Result<Vec<Message>, DbError> {
        let installation = self.installation().await?;
        let mut messages = Vec::with_capacity(page.len());
        for row in page {
            match Kind::from_name(&row.kind) {
                Some(kind) => {
                    let seat_map = self.seat_map(row).await?;
                    messages.push(Message::new(kind, &seat_map, row, |session| installation.fan(session)));
                }
                None => self.skip(row),
            }
        }
        Ok(messages)
    }

    /// Who says the messages; read once.
    pub(super) async fn installation(&mut self) -> Result<Arc<Installation>, DbError> {
        if let Some(installation) = &self.installation {
            return Ok(Arc::clone(installation));
        }
        let installation = Arc::new(Installation::load(&self.database).await?);
        self.installation = Some(Arc::clone(&installation));
        Ok(installation)
    }

    /// Leaves out what a newer core has written, and says so once for each kind.
    fn skip(&mut self, row: &Change) {
        if self.unknown.len() < UNKNOWN_MAX && self.unknown.insert(row.kind.clone()) {
            let (kind, first) = (&row.kind, row.change_id);
            warn!(kind, first, "a kind of change is unknown here and is left out: upgrade this program");
        }
    }

    async fn seat_map(&mut self, row: &Change) -> Result<Arc<SeatMap>, DbError> {
        let event_id = row.event_id;
        if let Some(seat_map) = self.seat_maps.get(&event_id).filter(|_| row.kind != "edited") {
            return Ok(Arc::clone(seat_map));
        }
        let client = self.database.client().await?;
        let seat_map = read_event(&client, event_id).await?;
        let seat_map = Arc::new(seat_map.ok_or_else(|| DbError::Odd(format!("there is no event {event_id}")))?);
        if self.seat_maps.len() >= SEAT_MAPS_MAX {
            self.seat_maps.clear();
        }
        self.seat_maps.insert(event_id, Arc::clone(&seat_map));
        Ok(seat_map)
    }
}
