//! The systems that are told, as rows.
//!
//! Guarantees:
//! - a system that was added, or switched on again, is told what happens from then on
//! - one that is off, or gone, keeps nothing in the change log

use serde::Serialize;
use uuid::Uuid;

use super::courier::{HookError, check_url};
use super::sign::{HookSecret, SECRET_BYTES};
use super::worker::reader_of;
use crate::db::{Database, DbError, DbTime};
use crate::outbox::Kind;
use crate::sql;

/// Systems of an installation. Each has a queue and a connection of its own.
const HOOKS_MAX: i64 = 20;
const NAME_BYTES_MAX: usize = 40;

/// A system to be told.
#[derive(Clone, Debug)]
pub struct NewHook {
    /// Its name here.
    pub name: String,
    /// Where it listens.
    pub url: String,
    /// What it is told.
    pub kinds: Vec<Kind>,
    /// True if it may be within the house's own network, and without TLS.
    pub allow_private: bool,
    /// What messages are signed with; one is made where there is none.
    pub secret: Option<HookSecret>,
    /// The mail address of whoever looks after it, who is told when it is switched off.
    pub contact: Option<String>,
}

/// A system that is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hook {
    /// Its name here.
    pub name: String,
    /// Where it listens.
    pub url: String,
    /// What it is told.
    pub topics: Vec<String>,
    /// True if it may be within the house's own network, and without TLS.
    pub allow_private: bool,
    /// Since when it has taken nothing, RFC 3339; nothing where it took the last message.
    pub failing_since: Option<String>,
    /// Since when it is told nothing, RFC 3339; nothing while it is on.
    pub off_since: Option<String>,
    /// Why it is off.
    pub off_reason: String,
    /// Messages that wait to be told again.
    pub waiting: i64,
    /// Messages that it never took.
    pub dead: i64,
    /// The mail address of whoever looks after it.
    pub contact: Option<String>,
}

/// Why the table was not changed.
#[derive(Debug, thiserror::Error)]
pub enum HookTableError {
    /// The database cannot be reached.
    #[error(transparent)]
    Database(#[from] DbError),
    /// It cannot be told.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// The system gave no random bytes.
    #[error("the system has no random bytes for a secret")]
    NoRandomness,
    /// There is one of that name, or there are enough.
    #[error(
        "there is a webhook of that name, or there are {HOOKS_MAX} already: `fairgate outbox hook list` names them"
    )]
    Taken,
}

impl From<tokio_postgres::Error> for HookTableError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// The table.
#[derive(Clone, Debug)]
pub struct HookTable {
    database: Database,
}

/// A row, as its worker needs it.
#[derive(Clone, Debug)]
pub(super) struct HookRow {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) secret: Vec<u8>,
    pub(super) topics: Vec<String>,
    pub(super) allow_private: bool,
    /// Another one each time that it is switched on.
    pub(super) version: Uuid,
}

/// A system that is off, and whose contact is to be told.
#[derive(Clone, Debug)]
pub(super) struct OffHook {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) contact: String,
    pub(super) off_at: DbTime,
    pub(super) reason: String,
    pub(super) version: Uuid,
}

impl HookTable {
    /// The table of a database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Adds a system; answers its secret.
    ///
    /// # Errors
    /// [`HookTableError`].
    pub async fn add(&self, hook: NewHook) -> Result<HookSecret, HookTableError> {
        check_url(&hook.url, hook.allow_private)?;
        let secret = match hook.secret {
            Some(secret) => secret,
            None => {
                let random = fairgate_telemetry::entropy::random_bytes::<SECRET_BYTES>();
                let bytes = random.map_err(|_| HookTableError::NoRandomness)?;
                HookSecret::new(bytes.to_vec()).map_err(|_| HookTableError::NoRandomness)?
            }
        };
        let topics: Vec<&str> = hook.kinds.iter().map(|kind| kind.topic()).collect();
        let client = self.database.client().await?;
        let add = client.prepare_cached(sql::HOOK_ADD).await?;
        let reader = reader_of(&hook.name);
        let added = client
            .query_opt(
                &add,
                &[
                    &hook.name,
                    &hook.url,
                    &secret.bytes(),
                    &topics,
                    &hook.allow_private,
                    &HOOKS_MAX,
                    &reader,
                    &hook.contact,
                ],
            )
            .await?;
        added.map(|_| secret).ok_or(HookTableError::Taken)
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn list(&self) -> Result<Vec<Hook>, DbError> {
        let client = self.database.client().await?;
        let list = client.prepare_cached(sql::HOOK_LIST).await?;
        let time = |at: Option<DbTime>| at.map(DbTime::to_rfc3339);
        let read = |row: &tokio_postgres::Row| Hook {
            name: row.get("name"),
            url: row.get("url"),
            topics: row.get("topics"),
            allow_private: row.get("allow_private"),
            failing_since: time(row.get("failing_since")),
            off_since: time(row.get("off_at")),
            off_reason: row.get("off_reason"),
            waiting: row.get("waiting"),
            dead: row.get("dead"),
            contact: row.get("contact"),
        };
        Ok(client.query(&list, &[]).await?.iter().map(read).collect())
    }

    /// Removes a system with what waits for it; false if there is none of that name.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn remove(&self, name: &str) -> Result<bool, DbError> {
        let client = self.database.client().await?;
        let remove = client.prepare_cached(sql::HOOK_REMOVE).await?;
        Ok(client.query_opt(&remove, &[&name]).await?.is_some())
    }

    /// Switches a system on or off; false if there is none of that name, or it is so already. What happened while it was off is not
    /// told to it.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn switch(&self, name: &str, on: bool, reason: &str) -> Result<bool, DbError> {
        let client = self.database.client().await?;
        let done = if on {
            let switch = client.prepare_cached(sql::HOOK_ON).await?;
            client.query_opt(&switch, &[&name, &reader_of(name)]).await?
        } else {
            let switch = client.prepare_cached(sql::HOOK_OFF).await?;
            client.query_opt(&switch, &[&name, &reason, &false]).await?
        };
        Ok(done.is_some())
    }

    /// Switches a system off that does not do its part, and has its contact told.
    pub(super) async fn give_up(&self, name: &str, reason: &str) -> Result<(), DbError> {
        let client = self.database.client().await?;
        let switch = client.prepare_cached(sql::HOOK_OFF).await?;
        client.query_opt(&switch, &[&name, &reason, &true]).await?;
        Ok(())
    }

    /// Those that are off and whose contacts are to be told.
    pub(super) async fn untold(&self) -> Result<Vec<OffHook>, DbError> {
        let client = self.database.client().await?;
        let off = client.prepare_cached(sql::HOOKS_OFF).await?;
        let read = |row: &tokio_postgres::Row| OffHook {
            name: row.get("name"),
            url: row.get("url"),
            contact: row.get("contact"),
            off_at: row.get("off_at"),
            reason: row.get("off_reason"),
            version: row.get("version"),
        };
        Ok(client.query(&off, &[&HOOKS_MAX]).await?.iter().map(read).collect())
    }

    /// Notes that the contact of a system was told.
    pub(super) async fn told(&self, hook: &OffHook) -> Result<(), DbError> {
        let client = self.database.client().await?;
        let told = client.prepare_cached(sql::HOOK_OFF_TOLD).await?;
        client.execute(&told, &[&hook.name, &hook.version]).await?;
        Ok(())
    }

    /// Those that are on. What is left of others is tidied up.
    pub(super) async fn on(&self) -> Result<Vec<HookRow>, DbError> {
        let client = self.database.client().await?;
        let tidy = client.prepare_cached(sql::HOOKS_TIDY).await?;
        client.execute(&tidy, &[]).await?;
        let on = client.prepare_cached(sql::HOOKS_ON).await?;
        let read = |row: &tokio_postgres::Row| HookRow {
            name: row.get("name"),
            url: row.get("url"),
            secret: row.get("secret"),
            topics: row.get("topics"),
            allow_private: row.get("allow_private"),
            version: row.get("version"),
        };
        Ok(client.query(&on, &[]).await?.iter().map(read).collect())
    }

    /// Notes that a system has taken something, or has not; answers for how many seconds it has taken nothing.
    pub(super) async fn note(&self, name: &str, is_taken: bool) -> Result<f64, DbError> {
        let client = self.database.client().await?;
        let note = client.prepare_cached(sql::HOOK_NOTE).await?;
        let row = client.query_opt(&note, &[&name, &is_taken]).await?;
        Ok(row.map_or(0.0, |row| row.get("failing_s")))
    }
}

/// Says what is wrong with a webhook's name.
///
/// # Errors
/// What would be right.
pub fn hook_name(text: &str) -> Result<String, String> {
    let name = crate::outbox::sink_name(text).ok().filter(|name| name.len() <= NAME_BYTES_MAX);
    name.ok_or_else(|| "write 1 to 40 small letters, digits and hyphens, such as accounting".to_owned())
}
