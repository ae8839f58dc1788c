//! Reading the change log, in the order of its numbers and without passing over any.
//!
//! Numbers are drawn from a sequence, so a transaction may commit number 5 after another has committed number 6. A
//! reader that simply goes on after the highest number it saw would never see 5. Here a number is read only once every
//! transaction that may hold a lower one has ended ([`ChangeLog::settled`]).
//!
//! **Guarantees:**
//! - no number is passed over that commits later
//! - only those are waited for who write into the log: a transaction that is open for hours elsewhere holds nothing up
//!
//! Two questions find out. The cheap one: have all transactions ended that began before the mark? It says no while anybody's
//! transaction is open, in any database of the server. So after a moment the exact one is asked: who holds the lock that
//! every writer of the log takes before its number is drawn? Once each of these has ended, no lower number can come.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use uuid::Uuid;

use crate::db::{Client, Database, DbError, DbTime};
use crate::sql;
use crate::units::unsigned;

/// Longer than a transaction of ours may sit idle; whoever takes longer holds everything up, and we say so.
const SETTLE_PATIENCE: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// So long the cheap question is asked alone: most transactions are over by then.
const EXACT_AFTER: Duration = Duration::from_millis(50);

/// A row of the change log: something that happened.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) change_id: i64,
    pub(super) at: DbTime,
    pub(super) event_id: i32,
    pub(super) kind: String,
    /// The payment that it follows from.
    pub(super) cause: Option<Uuid>,
    pub(super) booking: Option<ChangedBooking>,
}

/// The booking of a row.
#[derive(Clone, Debug)]
pub(super) struct ChangedBooking {
    pub(super) booking_id: Uuid,
    /// Whose it is.
    pub(super) session: String,
    pub(super) units: Vec<u32>,
    pub(super) amount: i64,
}

/// The change log.
#[derive(Clone, Debug)]
pub(crate) struct ChangeLog {
    database: Database,
}

impl ChangeLog {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// The number up to which everything has happened for good, if that is more than `published`.
    pub(crate) async fn settled(&self, published: i64) -> Result<Option<i64>, DbError> {
        let client = self.database.client().await?;
        let mark = client.prepare_cached(sql::OUTBOX_MARK).await?;
        let horizon = client.prepare_cached(sql::FEED_HORIZON).await?;
        let marked = client.query_one(&mark, &[&published]).await?;
        let Some(tx) = marked.get::<_, Option<i64>>("tx") else { return Ok(None) };
        let (since, mut writers) = (Instant::now(), None);
        while client.query_one(&horizon, &[]).await?.get::<_, i64>("horizon") <= tx {
            if since.elapsed() > EXACT_AFTER && have_ended(&client, &mut writers).await? {
                break;
            }
            if since.elapsed() > SETTLE_PATIENCE {
                return Err(DbError::Odd(
                    "a transaction that writes into the change log has been open for long, and may hold what comes next".into(),
                ));
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(Some(marked.get("last")))
    }

    /// The next rows after `published`, up to a number that is settled.
    pub(super) async fn page(&self, published: i64, settled: i64, rows_max: i64) -> Result<Vec<Change>, DbError> {
        let client = self.database.client().await?;
        let page = client.prepare_cached(sql::OUTBOX_PAGE).await?;
        let rows = client.query(&page, &[&published, &settled, &rows_max]).await?;
        Ok(rows.iter().map(read).collect())
    }

    /// The same of some kinds only.
    pub(super) async fn page_of(
        &self,
        kinds: &[&str],
        after: i64,
        up_to: i64,
        rows_max: i64,
    ) -> Result<Vec<Change>, DbError> {
        let client = self.database.client().await?;
        let page = client.prepare_cached(sql::OUTBOX_PAGE_OF).await?;
        let rows = client.query(&page, &[&after, &up_to, &rows_max, &kinds]).await?;
        Ok(rows.iter().map(read).collect())
    }
}

/// True once every transaction has ended that was writing into the log when this was asked first. All numbers below one that can
/// be seen were drawn before it could, so whoever begins to write later gets a higher one.
async fn have_ended(client: &Client, writers: &mut Option<HashSet<String>>) -> Result<bool, DbError> {
    let statement = client.prepare_cached(sql::OUTBOX_WRITERS).await?;
    let rows = client.query(&statement, &[]).await?;
    let now: HashSet<String> = rows.iter().map(|row| row.get("writer")).collect();
    let open = writers.get_or_insert_with(|| now.clone());
    open.retain(|writer| now.contains(writer));
    Ok(open.is_empty())
}

fn read(row: &tokio_postgres::Row) -> Change {
    let units = row.get::<_, Option<Vec<i32>>>("units");
    let booking = units.map(|units| ChangedBooking {
        booking_id: row.get("booking_id"),
        session: row.get("session"),
        units: units.into_iter().map(unsigned).collect(),
        amount: row.get("amount"),
    });
    let (change_id, at, event_id, kind) = (row.get("change_id"), row.get("at"), row.get("event_id"), row.get("kind"));
    Change { change_id, at, event_id, kind, cause: row.get("cause"), booking }
}
