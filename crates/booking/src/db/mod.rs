//! The way to Postgres: a pool whose connections plan for look-ups by key.
//!
//! Guarantees: every connection is made as the URL says ([`address`], [`tls`], [`connect`]). The URL says if it goes
//! over TLS, directly or through a pooler, and to a server that takes writes. Errors name the cause and, where it is
//! known, the remedy.

mod address;
mod client;
mod connect;
mod connect_breaker;
mod explain;
mod instant;
pub mod listen;
mod pool;
pub mod priority;
pub mod time;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Pool, PoolError};
use refinery::Target;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::{info, warn};

pub use self::client::{Client, Prepared, Transaction};
use self::connect::{Purpose, Way};
use self::connect_breaker::ConnectBreaker;
use self::explain::explain;
pub use self::instant::DbTime;
use self::pool::Connections;
use self::priority::{Busy, Lane, Turnstile};

const CONNECTIONS: usize = 24;
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How soon the server notices that a machine has vanished. (Ours notices as the URL says.)
const PATIENT: &str = "set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3; \
                       set tcp_user_timeout = '10s'";

/// The database cannot be reached, or refused; whether a change took effect is unknown, and a retry is safe.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The URL is not one.
    #[error("the database URL is wrong: {} (like postgresql://user@host/database)", explain(.0))]
    Url(tokio_postgres::Error),
    /// The URL, or a file that it names, is not understood.
    #[error("the database URL is wrong: {0}")]
    Address(String),
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
    #[error("the database holds a value that this program does not understand: {0}")]
    Odd(String),
}

impl DbError {
    /// True if there is too much to do. False if something is broken.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Slow)
    }
}

fn unconnected(error: PoolError<DbError>) -> DbError {
    match error {
        PoolError::Timeout(_) => DbError::Slow,
        PoolError::Backend(error) => error,
        error => DbError::Connect(error.to_string()),
    }
}

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// A pool of connections to the booking database, and how urgent it is when they run short.
#[derive(Clone, Debug)]
pub struct Database {
    pool: Pool<Connections>,
    way: Arc<Way>,
    turnstile: Turnstile,
    breaker: Arc<ConnectBreaker>,
    lane: Lane,
}

impl Database {
    /// Prepares the pool; nothing is connected yet. Servers that take no writes are passed over, unless the URL says
    /// otherwise.
    ///
    /// # Errors
    /// [`DbError::Url`] and [`DbError::Address`].
    pub fn new(url: &str) -> Result<Self, DbError> {
        Self::open(url, true)
    }

    /// The same for those who only read: a standby will do.
    ///
    /// # Errors
    /// [`DbError::Url`] and [`DbError::Address`].
    pub fn for_reading(url: &str) -> Result<Self, DbError> {
        Self::open(url, false)
    }

    fn open(url: &str, needs_writes: bool) -> Result<Self, DbError> {
        let way = Arc::new(Way::new(url, needs_writes)?);
        let pool = Pool::builder(Connections::new(Arc::clone(&way)))
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(CONNECT_PATIENCE))
            .create_timeout(Some(CONNECT_PATIENCE))
            .build()
            .map_err(|error| DbError::Connect(error.to_string()))?;
        let (turnstile, breaker) = (Turnstile::new(CONNECTIONS), Arc::default());
        Ok(Self { pool, way, turnstile, breaker, lane: Lane::Core })
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
        self.migrate_to(Target::Latest).await
    }

    /// The schema as an earlier program left it, for tests of upgrades.
    #[doc(hidden)]
    pub async fn migrate_to_version(&self, version: i32) -> Result<(), DbError> {
        self.migrate_to(Target::Version(version)).await
    }

    async fn migrate_to(&self, target: Target) -> Result<(), DbError> {
        // The lock is that of a transaction, because behind a pooler a session is nobody's own.
        let mut turn = self.own_connection().await?;
        let turn = turn.transaction().await?;
        turn.batch_execute(
            "set local idle_in_transaction_session_timeout = 0; \
             select pg_advisory_xact_lock(hashtext('fairgate.migrations'))",
        )
        .await?;
        let mut client = self.own_connection().await?;
        let done = embedded::migrations::runner().set_target(target).run_async(&mut client).await;
        done.map_err(|error| DbError::Migrate(error.to_string()))?;
        Ok(turn.commit().await?)
    }

    /// A connection of the pool.
    ///
    /// # Errors
    /// [`DbError::Busy`], [`DbError::Slow`] and [`DbError::Connect`].
    pub async fn client(&self) -> Result<Client, DbError> {
        let place = self.turnstile.enter(self.lane).await?;
        if !self.breaker.may_try() {
            return Err(DbError::Connect("it was out of reach a moment ago".to_owned()));
        }
        let got = self.pool.get().await;
        let is_known = !matches!(got, Err(PoolError::Timeout(_)));
        let got = got.map_err(unconnected);
        if is_known && self.breaker.note(got.is_ok()) {
            match &got {
                Ok(_) => info!("the database answers again"),
                Err(error) => {
                    warn!(%error, "nothing can be sold until the database answers; it is asked again and again")
                }
            }
        }
        Ok(Client::new(got?, place))
    }

    /// A transaction on a connection of the pool.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn begin(&self) -> Result<Transaction, DbError> {
        let transaction = Transaction::unbegun(self.client().await?);
        transaction.send_begin().await?;
        Ok(transaction)
    }

    /// A connection outside the pool, with the server's own settings.
    ///
    /// # Errors
    /// [`DbError::Connect`].
    pub async fn own_connection(&self) -> Result<tokio_postgres::Client, DbError> {
        Ok(self.way.connect(Purpose::Other, None).await?.0)
    }

    /// A connection outside the pool for what is held for long: the server ends it some seconds after this machine has vanished.
    ///
    /// # Errors
    /// [`DbError::Connect`].
    pub(crate) async fn patient_connection(&self) -> Result<tokio_postgres::Client, DbError> {
        let connection = self.own_connection().await?;
        if !self.way.is_pooled() {
            connection.batch_execute(PATIENT).await?;
        }
        Ok(connection)
    }

    /// A connection outside the pool that wakes at each notification of what it listens to, and when it has ended.
    /// With it comes the task that ends with it.
    ///
    /// # Errors
    /// [`DbError::Connect`].
    pub(crate) async fn listening_connection(
        &self,
        wake: Arc<Notify>,
    ) -> Result<(tokio_postgres::Client, JoinHandle<()>), DbError> {
        self.way.connect(Purpose::Other, Some(wake)).await
    }

    /// True if a connection stays the same session, so that it can be listened on. Connects, to find out.
    ///
    /// # Errors
    /// [`Self::client`]'s.
    pub(crate) async fn has_sessions(&self) -> Result<bool, DbError> {
        self.client().await?;
        Ok(!self.way.is_pooled())
    }

    /// Another number once another server answers than before, or the same started anew: what was known of the tables may
    /// be more than they hold.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.way.epoch()
    }
}

#[cfg(test)]
mod tests {
    use deadpool::managed::TimeoutType;

    use super::*;

    #[test]
    fn a_connection_that_takes_too_long_is_no_broken_database() {
        for waited_for in [TimeoutType::Wait, TimeoutType::Create, TimeoutType::Recycle] {
            assert!(unconnected(PoolError::Timeout(waited_for)).is_busy(), "{waited_for:?}");
        }
        assert!(!unconnected(PoolError::Closed).is_busy());
    }
}
