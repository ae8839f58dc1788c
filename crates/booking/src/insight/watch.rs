//! The watch: keeps in memory what was seen of each event, looks for signals in it, and writes them down.
//!
//! Guarantees:
//! - what was seen follows from the log alone: whoever takes over reads the latest rows again, and sees the same as far
//!   as they go back
//! - what is written is written by whoever has the sink's turn
//! - it is bounded, and its work is done beside the threads that serve
//!
//! A signal that was written stays, also when what it is about is forgotten here.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use prometheus::IntCounterVec;
use tokio::task::spawn_blocking;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::halls::Halls;
use super::signals::{Happening, Seen, Signal, SignalKind, signals};
use crate::db::{Database, DbError, DbTime, Transaction};
use crate::outbox::{Turn, fan_name};
use crate::sql;

/// Between two looks at the same event.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// An event of which nothing was heard for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);
/// Bookings of all events together that are remembered.
const BOOKINGS_MAX: usize = 200_000;
/// Fans and bookings that a signal names; its numbers count all of them.
const NAMED_MAX: usize = 200;

/// What is watched.
#[derive(Debug)]
pub(super) struct Watch {
    database: Database,
    events: HashMap<i32, Watched>,
    found: IntCounterVec,
}

/// An event that is watched.
#[derive(Debug)]
struct Watched {
    seen: Seen,
    heard_at: Instant,
    /// True if something has happened since it was looked at.
    is_due: bool,
    looked_at: Option<Instant>,
    /// How far each signal had grown when it was written.
    written: HashMap<(SignalKind, String), (usize, i64)>,
}

impl Watch {
    /// Nothing is watched yet; `found` counts signals by kind.
    pub(super) fn new(database: Database, found: IntCounterVec) -> Self {
        Self { database, events: HashMap::new(), found }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.events.clear();
    }

    /// Takes in what happened.
    pub(super) fn add<'a>(&mut self, happenings: impl Iterator<Item = (i32, &'a Happening)>) {
        let now = Instant::now();
        for (event_id, happening) in happenings {
            let watched = self.events.entry(event_id).or_insert_with(|| Watched {
                seen: Seen::default(),
                heard_at: now,
                is_due: false,
                looked_at: None,
                written: HashMap::new(),
            });
            watched.seen.add(happening);
            (watched.heard_at, watched.is_due) = (now, true);
        }
        self.forget();
    }

    /// Forgets events of which nothing was heard for long, and more where there are too many.
    fn forget(&mut self) {
        self.events.retain(|_, watched| watched.heard_at.elapsed() < FORGOTTEN_AFTER);
        let mut bookings: usize = self.events.values().map(|watched| watched.seen.len()).sum();
        while bookings > BOOKINGS_MAX && self.events.len() > 1 {
            let oldest = self.events.iter().min_by_key(|(_, watched)| watched.heard_at).map(|(event_id, _)| *event_id);
            let Some(gone) = oldest.and_then(|event_id| self.events.remove(&event_id)) else { return };
            bookings -= gone.seen.len();
        }
    }

    /// Looks at the events in which something has happened, and writes down what is new; false if the turn is lost.
    pub(super) async fn look(&mut self, halls: &mut Halls, turn: &mut Turn, position: i64) -> Result<bool, DbError> {
        let is_due =
            |watched: &Watched| watched.is_due && watched.looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        let due: Vec<i32> =
            self.events.iter().filter(|(_, watched)| is_due(watched)).map(|(event_id, _)| *event_id).collect();
        for event_id in due {
            let hall = halls.of(event_id).await?;
            let Some(watched) = self.events.get_mut(&event_id) else { continue };
            let seen = std::mem::take(&mut watched.seen);
            let looked = spawn_blocking(move || {
                let found = signals(&seen, &hall);
                (seen, found)
            });
            let (seen, found) =
                looked.await.map_err(|error| DbError::Odd(format!("signals cannot be made: {error}")))?;
            (watched.seen, watched.is_due, watched.looked_at) = (seen, false, Some(Instant::now()));
            let grown = |signal: &Signal| (signal.bookings.len(), signal.last_at);
            let key = |signal: &Signal| (signal.kind, signal.subject.clone());
            let news: Vec<Signal> =
                found.into_iter().filter(|signal| watched.written.get(&key(signal)) != Some(&grown(signal))).collect();
            if news.is_empty() {
                continue;
            }
            if !write(&self.database, turn, position, event_id, &news).await? {
                return Ok(false);
            }
            for signal in &news {
                if watched.written.insert(key(signal), grown(signal)).is_none() {
                    self.found.with_label_values(&[signal.kind.name()]).inc();
                }
            }
        }
        Ok(true)
    }
}

async fn write(
    database: &Database,
    turn: &mut Turn,
    position: i64,
    event_id: i32,
    signals: &[Signal],
) -> Result<bool, DbError> {
    let transaction = database.begin().await?;
    for signal in signals {
        put(&transaction, event_id, signal).await?;
    }
    if !turn.note_in(&transaction, position).await? {
        transaction.roll_back().await?;
        return Ok(false);
    }
    transaction.commit().await?;
    Ok(true)
}

async fn put(transaction: &Transaction, event_id: i32, signal: &Signal) -> Result<(), DbError> {
    let put = transaction.prepare_cached(sql::SIGNAL_PUT).await?;
    let evidence = serde_json::to_string(&signal.evidence).expect("names and numbers");
    let fans: Vec<String> = signal.fans.iter().take(NAMED_MAX).map(|fan| fan_name(*fan)).collect();
    let bookings: Vec<Uuid> = signal.bookings.iter().take(NAMED_MAX).copied().collect();
    let parameters: [&(dyn ToSql + Sync); 10] = [
        &event_id,
        &signal.kind.name(),
        &signal.subject,
        &signal.score,
        &signal.why,
        &evidence,
        &fans,
        &bookings,
        &DbTime(signal.first_at),
        &DbTime(signal.last_at),
    ];
    transaction.execute(&put, &parameters).await?;
    Ok(())
}
