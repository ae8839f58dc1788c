//! Connecting: to the first server of the URL that answers and takes writes, as its `sslmode` says.
//!
//! Guarantees: whoever connects (the pool, those who listen, migrations, the command line) does it here, so that all do it
//! alike. A pooler that gives each transaction another connection is found out at the first connection, before anything
//! depends on it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode as DriverMode;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, SimpleQueryMessage, Socket};
use tracing::info;

use super::address::{Address, Endpoint, Pooler, SslMode};
use super::explain::{Attempt, connecting, explain, is_about_options, is_refusal};
use super::tls::{Tls, TlsStream};
use super::{CONNECT_PATIENCE, DbError};
use crate::sql;

/// A plan made while a table was empty must not read the whole of it later, so sequential scans are off for this pool.
/// A session that died inside a transaction must not keep its locks. (A scan that cannot be avoided, of a small table,
/// then looks so costly that it would be compiled first. That takes a good part of a second.)
const SESSION: &str = "-c enable_seqscan=off -c jit=off -c plan_cache_mode=force_generic_plan \
                       -c idle_in_transaction_session_timeout=10s -c statement_timeout=30s -c lock_timeout=5s";
/// The same, said to a pooler that takes no options and gives one connection to each of us.
const SET_SESSION: &str = "set enable_seqscan=off; set jit=off; set plan_cache_mode=force_generic_plan; \
                           set idle_in_transaction_session_timeout='10s'; set statement_timeout='30s'; \
                           set lock_timeout='5s'";
/// Whom we are talking to: whether it takes no writes, whether it has heard of [`SESSION`], and since when it runs.
const LOOK: &str = "select current_setting('transaction_read_only') as read_only, \
                    current_setting('enable_seqscan') as seqscan, pg_postmaster_start_time() as started_at";

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The pool's statements.
    Statements,
    /// Anything else, with the server's own settings.
    Other,
}

/// The way to the database, for all clones of it.
#[derive(Debug)]
pub(super) struct Way {
    address: Address,
    tls: Tls,
    needs_writes: bool,
    /// The server that answered last: it is asked first.
    answered: AtomicUsize,
    /// True if each transaction gets another connection (a pooler in transaction mode).
    is_pooled: AtomicBool,
    /// The types of every statement's parameters, for servers that cannot be asked each time.
    types: OnceLock<HashMap<&'static str, Arc<[Type]>>>,
    /// Since when the server runs that was connected to last, in its own words.
    started_at: Mutex<Option<String>>,
    /// Counts the servers: another one than before, or the same started anew.
    epoch: AtomicU64,
}

/// What [`LOOK`] found.
struct Looks {
    is_read_only: bool,
    scans: bool,
    started_at: String,
}

impl Way {
    /// Reads the URL and the files that it names; nothing is connected yet.
    pub(super) fn new(url: &str, needs_writes: bool) -> Result<Self, DbError> {
        let address = Address::read(url, CONNECT_PATIENCE)?;
        let tls = Tls::new(&address)?;
        Ok(Self {
            needs_writes: address.needs_writes.unwrap_or(needs_writes),
            is_pooled: AtomicBool::new(address.pooler == Pooler::Transaction),
            address,
            tls,
            answered: AtomicUsize::new(0),
            types: OnceLock::new(),
            started_at: Mutex::new(None),
            epoch: AtomicU64::new(0),
        })
    }

    /// True if a pooler gives each transaction another connection. Known once there was a connection for statements.
    pub(super) fn is_pooled(&self) -> bool {
        self.is_pooled.load(Ordering::Relaxed)
    }

    /// The types of a statement's parameters, where they have to be sent along with it.
    pub(super) fn types(&self, statement: &'static str) -> Option<Arc<[Type]>> {
        self.types.get()?.get(statement).cloned()
    }

    /// Another number once another server, or the same started anew, was connected to.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// Connects. The task carries the connection; `wake` hears each notification.
    ///
    /// # Errors
    /// [`DbError::Connect`], with what each server said.
    pub(super) async fn connect(
        &self,
        purpose: Purpose,
        wake: Option<Arc<Notify>>,
    ) -> Result<(Client, JoinHandle<()>), DbError> {
        let endpoints = &self.address.endpoints;
        let patience = CONNECT_PATIENCE / u32::try_from(endpoints.len()).unwrap_or(1);
        let mut troubles = Vec::new();
        for n in self.order() {
            let reached = timeout(patience, self.reach(&endpoints[n], purpose, wake.as_ref())).await;
            match reached.unwrap_or_else(|_| Err(format!("no answer within {} s", patience.as_secs_f32()))) {
                Ok(link) => {
                    self.answered.store(n, Ordering::Relaxed);
                    return Ok(link);
                }
                Err(trouble) => troubles.push(format!("{}: {trouble}", endpoints[n].name)),
            }
        }
        Err(DbError::Connect(troubles.join("; ")))
    }

    fn order(&self) -> Vec<usize> {
        let servers = self.address.endpoints.len();
        let first = if self.address.is_random_order {
            usize::try_from(uuid::Uuid::new_v4().as_u128() % servers as u128).unwrap_or(0)
        } else {
            self.answered.load(Ordering::Relaxed)
        };
        (0..servers).map(|n| (first + n) % servers).collect()
    }

    /// One server, in each of the ways that `sslmode` allows.
    async fn reach(
        &self,
        endpoint: &Endpoint,
        purpose: Purpose,
        wake: Option<&Arc<Notify>>,
    ) -> Result<(Client, JoinHandle<()>), String> {
        let attempts: &[Attempt] = match self.address.sslmode {
            _ if endpoint.is_socket => &[Attempt::Plain],
            SslMode::Disable => &[Attempt::Plain],
            SslMode::Allow => &[Attempt::Plain, Attempt::Tls],
            SslMode::Prefer => &[Attempt::TlsIfSpoken, Attempt::Plain],
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Attempt::Tls],
        };
        let mut troubles: Vec<String> = Vec::new();
        for &attempt in attempts {
            match self.open(endpoint, attempt, purpose).await {
                Ok((client, connection)) => {
                    let carrying = tokio::spawn(carry(connection, wake.cloned()));
                    return match self.look(&client, purpose).await {
                        Ok(()) => Ok((client, carrying)),
                        Err(trouble) => {
                            carrying.abort();
                            Err(trouble)
                        }
                    };
                }
                Err(error) => {
                    let trouble = connecting(&error, attempt, &self.address);
                    if !troubles.contains(&trouble) {
                        troubles.push(trouble);
                    }
                    if !is_refusal(&error) {
                        break;
                    }
                }
            }
        }
        Err(troubles.join("; and otherwise: "))
    }

    async fn open(&self, endpoint: &Endpoint, attempt: Attempt, purpose: Purpose) -> Opened {
        let mut config = endpoint.config.clone();
        config.ssl_mode(match attempt {
            Attempt::Plain => DriverMode::Disable,
            Attempt::TlsIfSpoken => DriverMode::Prefer,
            Attempt::Tls => DriverMode::Require,
        });
        let sends_options = purpose == Purpose::Statements && self.address.pooler == Pooler::Auto && !self.is_pooled();
        if !sends_options {
            return config.connect(self.tls.clone()).await;
        }
        let opened = with_options(&config).connect(self.tls.clone()).await;
        match opened {
            Err(error) if is_about_options(&error) => {
                self.note_pooler();
                config.connect(self.tls.clone()).await
            }
            opened => opened,
        }
    }

    fn note_pooler(&self) {
        if !self.is_pooled.swap(true, Ordering::Relaxed) {
            info!(
                "a pooler stands in front of the database: statements are sent whole each time, and other cores' sales are \
                 seen after a third of a second (docs/operations/postgres.md)"
            );
        }
    }

    /// Looks whom a new connection leads to, and makes it ready for its purpose.
    async fn look(&self, client: &Client, purpose: Purpose) -> Result<(), String> {
        let looked = look(client).await.map_err(|error| explain(&error))?;
        if looked.is_read_only && self.needs_writes {
            return Err("the server takes no writes (a standby, or default_transaction_read_only): name the primary \
                        too, as host1,host2"
                .to_owned());
        }
        self.note_server(looked.started_at);
        if purpose == Purpose::Other {
            return Ok(());
        }
        if self.address.pooler == Pooler::Session {
            return client.batch_execute(SET_SESSION).await.map_err(|error| explain(&error));
        }
        if looked.scans && !self.is_pooled() {
            self.note_pooler();
        }
        if self.is_pooled() && self.types.get().is_none() {
            let types = describe(client).await.map_err(|error| explain(&error))?;
            let _ = self.types.set(types);
        }
        Ok(())
    }

    fn note_server(&self, started_at: String) {
        let mut known = self.started_at.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref() != Some(&started_at) {
            *known = Some(started_at);
            self.epoch.fetch_add(1, Ordering::Relaxed);
        }
    }
}

type Opened = Result<(Client, Connection<Socket, TlsStream<Socket>>), tokio_postgres::Error>;

/// What the URL says comes last, and counts.
fn with_options(config: &Config) -> Config {
    let mut planned = config.clone();
    planned.options(format!("{SESSION} {}", config.get_options().unwrap_or_default()).trim_end());
    planned
}

/// Carries a connection until it ends; what ails it is told to those who use it.
async fn carry(mut connection: Connection<Socket, TlsStream<Socket>>, wake: Option<Arc<Notify>>) {
    let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
    while let Some(Ok(message)) = futures_util::StreamExt::next(&mut messages).await {
        if let (AsyncMessage::Notification(_), Some(wake)) = (message, &wake) {
            wake.notify_one();
        }
    }
    // Those who wait for notifications look by themselves, and see that the connection has ended.
    if let Some(wake) = wake {
        wake.notify_one();
    }
}

async fn look(client: &Client) -> Result<Looks, tokio_postgres::Error> {
    let rows = client.simple_query(LOOK).await?;
    let row = rows.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let word = |column: &str| row.and_then(|row| row.get(column)).unwrap_or_default();
    Ok(Looks {
        is_read_only: word("read_only") == "on",
        scans: word("seqscan") == "on",
        started_at: word("started_at").to_owned(),
    })
}

/// Asks for the types of every statement's parameters. In one transaction, so that a pooler does not change the server in
/// between; nothing stays prepared.
async fn describe(client: &Client) -> Result<HashMap<&'static str, Arc<[Type]>>, tokio_postgres::Error> {
    client.batch_execute("begin").await?;
    let mut types = HashMap::new();
    for (_, statement) in sql::ALL {
        let prepared = client.prepare(statement).await?;
        types.insert(*statement, Arc::from(prepared.params()));
    }
    client.batch_execute("rollback").await?;
    Ok(types)
}
