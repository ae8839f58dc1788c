//! The way to Postgres: a pool whose connections plan for look-ups by key, and instants as the database counts them.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod};
use tokio::time::Instant;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, private::BytesMut, to_sql_checked};
use tokio_postgres::{Config, NoTls};

use super::turnstile::{Busy, Lane, Place, Turnstile};

/// A plan made while a table was empty must not read the whole of it later, so sequential scans are off for this pool; and
/// a session that died inside a transaction must not keep its locks. (A scan that cannot be avoided, of a small table, then
/// looks so costly that it would be compiled first, which takes a good part of a second.)
const SESSION: &str = "-c enable_seqscan=off -c jit=off -c plan_cache_mode=force_generic_plan \
                       -c idle_in_transaction_session_timeout=10s -c statement_timeout=30s -c lock_timeout=5s";

const CONNECTIONS: usize = 24;
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// While the database is out of reach one asks this often; a server that starts must not be kept from it by those who knock.
const KNOCK_EVERY: Duration = Duration::from_millis(100);

/// The database cannot be reached, or refused; whether a change took effect is unknown, and a retry is safe.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The URL is not one.
    #[error("the database URL is wrong: {0} (like postgresql://user@host/database)")]
    Url(tokio_postgres::Error),
    /// Too many wait for a connection; nothing was asked of the database.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// A connection was not to be had in time; nothing was asked of the database.
    #[error("the database gave no connection within {} s: it has too much to do, or does not answer", CONNECT_PATIENCE.as_secs())]
    Slow,
    /// No connection.
    #[error("the database cannot be reached: {0}")]
    Connect(String),
    /// A statement failed.
    #[error("the database failed: {}", explain(.0))]
    Statement(#[from] tokio_postgres::Error),
    /// The schema could not be brought up to date.
    #[error("the database schema could not be migrated: {0}")]
    Migrate(String),
    /// What is stored contradicts itself.
    #[error("the database holds something odd: {0}")]
    Odd(String),
}

impl DbError {
    /// Whether there is too much to do, rather than something broken.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Slow)
    }
}

fn explain(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{}: {}", db.severity(), db.message()))
}

fn unconnected(error: PoolError) -> DbError {
    match &error {
        PoolError::Timeout(_) => DbError::Slow,
        PoolError::Backend(error) => DbError::Connect(explain(error)),
        _ => DbError::Connect(error.to_string()),
    }
}

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// A pool of connections to the booking database, and how urgent it is when they run short.
#[derive(Clone, Debug)]
pub struct Database {
    pool: Pool,
    config: Config,
    turnstile: Arc<Turnstile>,
    outage: Arc<Outage>,
    lane: Lane,
}

/// Until when nobody else knocks at a database that is out of reach.
#[derive(Debug, Default)]
struct Outage(Mutex<Option<Instant>>);

impl Outage {
    /// Whether to try: always while the database is there, and one at a time while it is not.
    fn may_knock(&self) -> bool {
        let (mut until, now) = (self.until(), Instant::now());
        match *until {
            Some(silent_until) if now < silent_until => false,
            Some(_) => {
                *until = Some(now + KNOCK_EVERY);
                true
            }
            None => true,
        }
    }

    fn note(&self, is_reached: bool) {
        *self.until() = (!is_reached).then(|| Instant::now() + KNOCK_EVERY);
    }

    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database {
    /// Prepares the pool; nothing is connected yet.
    ///
    /// # Errors
    /// [`DbError::Url`].
    pub fn new(url: &str) -> Result<Self, DbError> {
        let mut config: Config = url.parse().map_err(DbError::Url)?;
        config.application_name("fairgate booking").connect_timeout(CONNECT_PATIENCE).keepalives(true);
        let mut planned = config.clone();
        planned.options(SESSION);
        let manager = Manager::from_config(planned, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .wait_timeout(Some(CONNECT_PATIENCE))
            .create_timeout(Some(CONNECT_PATIENCE))
            .build()
            .map_err(|error| DbError::Connect(error.to_string()))?;
        let (turnstile, outage) = (Turnstile::new(CONNECTIONS), Arc::default());
        Ok(Self { pool, config, turnstile, outage, lane: Lane::Core })
    }

    /// The same pool for others, who are more or less urgent.
    #[must_use]
    pub fn for_lane(&self, lane: Lane) -> Self {
        Self { lane, ..self.clone() }
    }

    /// Brings the schema up to date; one core at a time.
    ///
    /// # Errors
    /// When the database cannot be reached or a migration fails.
    pub async fn migrate(&self) -> Result<(), DbError> {
        let mut client = self.own_connection().await?;
        client.batch_execute("select pg_advisory_lock(hashtext('fairgate.migrations'))").await?;
        // The lock goes with the connection.
        let done = embedded::migrations::runner().run_async(&mut client).await;
        done.map(drop).map_err(|error| DbError::Migrate(error.to_string()))
    }

    /// A connection of the pool.
    ///
    /// # Errors
    /// [`DbError::Busy`], [`DbError::Slow`] and [`DbError::Connect`].
    pub async fn client(&self) -> Result<Client, DbError> {
        let place = self.turnstile.enter(self.lane).await?;
        if !self.outage.may_knock() {
            return Err(DbError::Connect("it was out of reach a moment ago".to_owned()));
        }
        let got = self.pool.get().await;
        if !matches!(got, Err(PoolError::Timeout(_))) {
            self.outage.note(got.is_ok());
        }
        Ok(Client { object: got.map_err(unconnected)?, _place: place })
    }

    /// A transaction on a connection of the pool.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn begin(&self) -> Result<Transaction, DbError> {
        let transaction = Transaction::unbegun(self.client().await?);
        transaction.batch_execute("begin").await?;
        Ok(transaction)
    }

    /// A connection outside the pool, with the server's own settings.
    ///
    /// # Errors
    /// [`DbError::Connect`].
    pub async fn own_connection(&self) -> Result<tokio_postgres::Client, DbError> {
        let connected = self.config.connect(NoTls).await;
        let (client, connection) = connected.map_err(|error| DbError::Connect(error.to_string()))?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// How to connect, for those who need the connection itself (to listen).
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// A connection of the pool, for as long as it is kept. (The connection goes back before the place in front of the pool.)
#[derive(Debug)]
pub struct Client {
    object: Object,
    _place: Place,
}

impl std::ops::Deref for Client {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.object
    }
}

/// A connection on which a transaction may be open. Dropped without an end (an error, a cancelled future), it is rolled
/// back before anybody else gets the connection.
#[derive(Debug)]
pub struct Transaction {
    client: Option<Client>,
}

impl Transaction {
    /// For callers that send `begin` together with their first statements.
    pub(super) fn unbegun(client: Client) -> Self {
        Self { client: Some(client) }
    }

    /// Makes everything true at once. An error means that nobody knows.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn commit(mut self) -> Result<(), DbError> {
        self.batch_execute("commit").await?;
        self.client = None;
        Ok(())
    }

    /// Undoes everything.
    ///
    /// # Errors
    /// When the database cannot be reached; then it is undone all the same.
    pub async fn roll_back(mut self) -> Result<(), DbError> {
        self.batch_execute("rollback").await?;
        self.client = None;
        Ok(())
    }
}

impl std::ops::Deref for Transaction {
    type Target = Object;

    fn deref(&self) -> &Object {
        self.client.as_ref().expect("taken only by those who consume the transaction")
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        tokio::spawn(async move {
            if client.batch_execute("rollback").await.is_err() {
                drop(Object::take(client.object));
            }
        });
    }
}

/// A point in the database's time, Unix milliseconds; both infinities are the ends of the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DbTime(pub i64);

impl DbTime {
    /// Before everything: a seat that is free.
    pub const NEVER: Self = Self(i64::MIN);
    /// After everything: a seat that is sold.
    pub const FOREVER: Self = Self(i64::MAX);

    /// RFC 3339 in UTC with milliseconds.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let instant = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        format!("{instant:.3}")
    }
}

/// 2000-01-01, from which Postgres counts microseconds, in Unix milliseconds.
const POSTGRES_EPOCH_MS: i64 = 946_684_800_000;

impl<'a> FromSql<'a> for DbTime {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(match micros {
            i64::MIN => Self::NEVER,
            i64::MAX => Self::FOREVER,
            finite => Self(finite.div_euclid(1000) + POSTGRES_EPOCH_MS),
        })
    }

    accepts!(TIMESTAMPTZ);
}

impl ToSql for DbTime {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let micros = match *self {
            Self::NEVER => i64::MIN,
            Self::FOREVER => i64::MAX,
            Self(ms) => (ms - POSTGRES_EPOCH_MS).checked_mul(1000).ok_or("a time far out of range")?,
        };
        out.extend_from_slice(&micros.to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use deadpool_postgres::TimeoutType;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn while_the_database_is_out_of_reach_one_at_a_time_knocks() {
        let outage = Outage::default();
        assert!(outage.may_knock() && outage.may_knock(), "nothing is known to be wrong");
        outage.note(false);
        assert!(!outage.may_knock());
        tokio::time::advance(KNOCK_EVERY).await;
        assert!(outage.may_knock(), "one");
        assert!(!outage.may_knock(), "and no other");
        outage.note(true);
        assert!(outage.may_knock());
    }

    #[test]
    fn a_connection_that_takes_too_long_is_no_broken_database() {
        for waited_for in [TimeoutType::Wait, TimeoutType::Create, TimeoutType::Recycle] {
            assert!(unconnected(PoolError::Timeout(waited_for)).is_busy(), "{waited_for:?}");
        }
        assert!(!unconnected(PoolError::Closed).is_busy());
    }
}
