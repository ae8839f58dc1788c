//! The registry of those who read the change log: who they are, and how far each has come.
//!
//! Guarantees:
//! - what a registered sink has not read stays in the log; one that is behind holds the log back, never a booking
//! - a sink that somebody works for is not unregistered
//! - a sink that knows more than the log goes on only after a person has accepted that, and no number is given twice

use serde::Serialize;

use crate::db::{Database, DbError, DbTime};
use crate::sql;

/// A sink that is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Registered {
    /// Its name.
    pub sink: String,
    /// The number up to which it has read the log.
    pub position: i64,
    /// How many have worked for it, one after the other.
    pub epoch: i64,
    /// How many numbers the log is ahead of it.
    pub lag_rows: i64,
    /// The age of the oldest change that it has not read, in seconds.
    pub lag_seconds: i64,
    /// How long ago somebody worked for it, in seconds.
    pub seen_seconds_ago: i64,
    /// What happened before is not known to it. RFC 3339 in UTC.
    pub knows_from: String,
    /// The number with which it ends, where the log does not know that: the database has lost its end. Nothing is carried there.
    pub ahead: Option<i64>,
}

/// What is left out where it was accepted that a sink knows more than the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The number after which the sink goes on.
    pub number: i64,
    /// Changes in the log whose numbers the sink's readers may know otherwise. They are not carried there.
    pub untold: i64,
}

/// What became of a sink that was to be carried again from a number on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Republished {
    /// So many changes are published again.
    Changes(i64),
    /// The position is not kept in this database, but where the messages are, or there is no such sink.
    NotKeptHere,
    /// The log begins later, or the sink has not come so far.
    Outside {
        /// The log's oldest number.
        oldest: i64,
        /// The number to which the sink was carried.
        position: i64,
    },
}

/// What became of a sink that was to be unregistered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It is gone, and nobody waits for it.
    Gone,
    /// Nobody of that name is registered.
    Unknown,
    /// Somebody works for it.
    InUse,
}

/// The registry.
#[derive(Clone, Debug)]
pub struct Registry {
    database: Database,
}

impl Registry {
    /// The registry of a database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Everybody who is registered, by name.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn sinks(&self) -> Result<Vec<Registered>, DbError> {
        let client = self.database.client().await?;
        let list = client.prepare_cached(sql::SINK_LIST).await?;
        let rows = client.query(&list, &[]).await?;
        let read = |row: &tokio_postgres::Row| Registered {
            sink: row.get("name"),
            position: row.get("position"),
            epoch: row.get("epoch"),
            lag_rows: row.get("lag_rows"),
            lag_seconds: row.get("lag_s"),
            seen_seconds_ago: row.get("seen_s"),
            knows_from: row.get::<_, DbTime>("knows_from").to_rfc3339(),
            ahead: row.get("ahead"),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Unregisters a sink: what only it had not read may be removed then.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn drop_sink(&self, name: &str) -> Result<Dropped, DbError> {
        let client = self.database.client().await?;
        let drop_sink = client.prepare_cached(sql::SINK_DROP).await?;
        let row = client.query_one(&drop_sink, &[&name]).await?;
        Ok(match (row.get("is_free"), row.get("is_gone")) {
            (false, _) => Dropped::InUse,
            (true, true) => Dropped::Gone,
            (true, false) => Dropped::Unknown,
        })
    }

    /// Has a sink carried again from a number on, because its broker has lost what it had confirmed.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn republish(&self, name: &str, from: i64) -> Result<Republished, DbError> {
        let client = self.database.client().await?;
        let republish = client.prepare_cached(sql::SINK_REPUBLISH).await?;
        let row = client.query_opt(&republish, &[&name, &from]).await?;
        let Some(row) = row else { return Ok(Republished::NotKeptHere) };
        let (oldest, position): (i64, i64) = (row.get("oldest"), row.get("position"));
        let is_within = (oldest..=position).contains(&from);
        Ok(if is_within { Republished::Changes(row.get("changes")) } else { Republished::Outside { oldest, position } })
    }

    /// Accepts that a sink's readers know of changes that the log has lost: it goes on, with numbers that nobody was given. Nothing
    /// where the sink is not ahead.
    ///
    /// Holds and sales wait until this is done, which takes as long as the longest transaction that is writing.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn accept_loss(&self, name: &str) -> Result<Option<Accepted>, DbError> {
        let transaction = self.database.begin().await?;
        let lock = transaction.prepare_cached(sql::CHANGE_LOG_LOCK).await?;
        transaction.execute(&lock, &[]).await?;
        let accept = transaction.prepare_cached(sql::SINK_ACCEPT).await?;
        let row = transaction.query_opt(&accept, &[&name]).await?;
        transaction.commit().await?;
        Ok(row.map(|row| Accepted { number: row.get("accepted"), untold: row.get("untold") }))
    }
}

/// Says what is wrong with a sink's name.
///
/// # Errors
/// What would be right.
pub fn sink_name(text: &str) -> Result<String, String> {
    let fits = |at: usize, sign: u8| sign.is_ascii_lowercase() || sign.is_ascii_digit() || (at > 0 && sign == b'-');
    let is_name = !text.is_empty() && text.len() <= 63 && text.bytes().enumerate().all(|(at, sign)| fits(at, sign));
    let remedy = "write 1 to 63 small letters, digits and hyphens, such as redis-2";
    if is_name { Ok(text.to_owned()) } else { Err(remedy.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_table_takes() {
        for name in ["redis", "0", "a-b-2"] {
            assert_eq!(sink_name(name), Ok(name.to_owned()));
        }
        for wrong in ["", "-a", "Redis", "a b", "ä", &"a".repeat(64)] {
            assert!(sink_name(wrong).is_err(), "{wrong}");
        }
    }
}
