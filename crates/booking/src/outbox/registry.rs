//! The registry of those who read the change log: who they are, and how far each has come.
//!
//! Guarantees:
//! - what a registered sink has not read stays in the log; one that is behind holds the log back, never a booking
//! - a sink that somebody works for is not unregistered

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
