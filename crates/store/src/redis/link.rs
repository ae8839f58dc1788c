//! The way to Redis. Every call has a time limit. A connection that failed is made anew, with delays that grow up to a
//! limit and are jittered (exponential back-off). Until the next try is due everyone is told at once that Redis is out
//! of reach.
//!
//! A connection that did not answer in time is given up, too: behind a cut cable it would never say anything again.
//! With Sentinels, each new connection asks them anew which server is the master.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fairgate_telemetry::entropy;
use fairgate_telemetry::secret::Secret;
use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisConnectionInfo, RedisError, RedisFuture, RedisResult,
    ServerErrorKind, TlsCertificates, TlsMode, Value,
};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::address::{RedisAddress, Topology};
use super::server;

/// How long one answer may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long making a connection may take, asking Sentinels included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The pause before a connection is tried again: the first, and the longest. Edges are to notice within a second that
/// Redis is back.
const RETRY_DELAY_MIN_MS: u64 = 50;
const RETRY_DELAY_MAX_MS: u64 = 800;

/// Who connects, and how.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// Where Redis is.
    pub address: RedisAddress,
    /// The user, where it is not the default one.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// Certificates of the authority that signed the server's, in PEM, where the system does not know it.
    pub authority_pem: Option<Vec<u8>>,
    /// The directory in which this edge writes down what it could put back; `None`: only what it has in memory.
    pub ledger: Option<PathBuf>,
    /// True if another edge, from which this one takes over, may still have that directory.
    pub takes_over: bool,
}

/// Who makes new connections.
pub(super) enum Dialer {
    Server(Box<Client>),
    Sentinel(Box<Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>),
}

/// The connection, or since when there has been none.
#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// Counts connections, so that nobody gives up one that was made after the failure.
    number: u64,
    failures: u32,
    next_try: Option<Instant>,
    /// Why the last server must not be used.
    refused: Option<String>,
}

/// A way to Redis, shared by everyone who has a clone.
#[derive(Clone)]
pub(super) struct Link {
    dialer: Arc<Dialer>,
    state: Arc<Mutex<State>>,
}

/// A connection that many use at the same time.
#[derive(Clone)]
pub(super) enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    /// Prepares the way; nothing is connected before it is used.
    pub(super) fn new(options: &RedisOptions) -> RedisResult<Self> {
        // Where the process has one already, that one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self { dialer: Arc::new(Dialer::new(options)?), state: Arc::default() })
    }

    /// Calls Redis; a connection that fails is given up, so that the next call makes a new one.
    pub(super) async fn call<T, F, Fut>(&self, call: F) -> RedisResult<T>
    where
        F: FnOnce(Connection) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        let (connection, number) = self.connection().await?;
        let answer = timeout(RESPONSE_TIMEOUT, call(connection)).await.unwrap_or_else(|_| Err(silent()));
        if answer.as_ref().is_err_and(is_of_the_connection) {
            self.give_up(number).await;
        }
        answer
    }

    /// What is wrong with a server that must not be used, for whoever starts to refuse with these words. None if all
    /// may be used.
    pub(super) async fn check(&self) -> Option<String> {
        server::refused(&self.connection().await.err()?)
    }

    /// A connection of its own that listens to what is published; none in a cluster, where polls have to do.
    pub(super) async fn listen(&self) -> RedisResult<Option<PubSub>> {
        let connecting = async {
            match &*self.dialer {
                Dialer::Server(client) => client.get_async_pubsub().await.map(Some),
                Dialer::Sentinel(sentinel) => {
                    let client = sentinel.lock().await.async_get_client().await?;
                    client.get_async_pubsub().await.map(Some)
                }
                Dialer::Cluster(_) => Ok(None),
            }
        };
        timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| Err(silent()))
    }

    async fn connection(&self) -> RedisResult<(Connection, u64)> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok((connection.clone(), state.number));
        }
        if state.next_try.is_some_and(|due| Instant::now() < due) {
            return Err(match &state.refused {
                Some(why) => server::refusal(why.clone()),
                None => (ErrorKind::Io, "out of reach; the next try is due in a moment").into(),
            });
        }
        let connecting = async {
            let mut connection = self.dialer.connect().await?;
            server::check(&mut connection, &self.dialer).await?;
            Ok(connection)
        };
        match timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| Err(silent())) {
            Ok(connection) => {
                *state = State { connection: Some(connection.clone()), number: state.number + 1, ..State::default() };
                Ok((connection, state.number))
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(1);
                state.refused = server::refused(&error);
                state.next_try = Some(Instant::now() + retry_delay(state.failures, chance()));
                Err(error)
            }
        }
    }

    async fn give_up(&self, number: u64) {
        let mut state = self.state.lock().await;
        if state.number == number {
            state.connection = None;
        }
    }
}

impl Dialer {
    /// True if another server may take this one's place.
    pub(super) fn has_replicas(&self) -> bool {
        !matches!(self, Self::Server(_))
    }

    fn new(options: &RedisOptions) -> RedisResult<Self> {
        let address = &options.address;
        let certificates =
            TlsCertificates { client_tls: None, root_cert: options.authority_pem.clone().filter(|_| address.tls) };
        match &address.topology {
            Topology::Server(node) => {
                let connection = address.connection(node, login(options))?;
                let client = if address.tls {
                    Client::build_with_tls(connection, certificates)
                } else {
                    Client::open(connection)
                };
                client.map(Box::new).map(Self::Server)
            }
            Topology::Sentinel { sentinels, service } => {
                let sentinels = sentinels.iter().map(|node| address.connection_addr(node));
                let mut builder = SentinelClientBuilder::new(sentinels, service, SentinelServerType::Master)?
                    .set_client_to_redis_db(address.database.into());
                if address.tls {
                    builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
                    builder = builder.set_client_to_redis_certificates(certificates.clone());
                    builder = builder.set_client_to_sentinel_certificates(certificates);
                }
                if let Some(user) = &options.user {
                    builder = builder.set_client_to_redis_username(user).set_client_to_sentinel_username(user);
                }
                if let Some(password) = &options.password {
                    let password = password.expose();
                    builder = builder.set_client_to_redis_password(password).set_client_to_sentinel_password(password);
                }
                Ok(Self::Sentinel(Box::new(Mutex::new(builder.build()?))))
            }
            Topology::Cluster(nodes) => {
                let nodes = nodes.iter().map(|node| address.connection(node, login(options)));
                let mut builder = ClusterClient::builder(nodes.collect::<RedisResult<Vec<_>>>()?)
                    .connection_timeout(CONNECT_TIMEOUT)
                    .response_timeout(RESPONSE_TIMEOUT)
                    .retries(2);
                if address.tls {
                    builder = builder.tls(TlsMode::Secure).certs(certificates);
                }
                Ok(Self::Cluster(Box::new(builder.build()?)))
            }
        }
    }

    async fn connect(&self) -> RedisResult<Connection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let client = match self {
            Self::Server(client) => Client::clone(client),
            Self::Sentinel(sentinel) => sentinel.lock().await.async_get_client().await?,
            Self::Cluster(cluster) => return cluster.get_async_connection().await.map(Connection::Cluster),
        };
        client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Server)
    }
}

fn login(options: &RedisOptions) -> RedisConnectionInfo {
    let mut login = RedisConnectionInfo::default().set_db(options.address.database.into());
    if let Some(user) = &options.user {
        login = login.set_username(user);
    }
    if let Some(password) = &options.password {
        login = login.set_password(password.expose());
    }
    login
}

/// True if another connection could help: this one is broken or silent, or leads to a server that is no master any
/// more.
fn is_of_the_connection(error: &RedisError) -> bool {
    let is_no_master = matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly));
    error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error() || is_no_master
}

/// Without randomness edges come back together, which is no reason not to come back.
fn chance() -> u64 {
    entropy::random_bytes().map_or(0, u64::from_be_bytes)
}

/// How long to wait after so many failures: half of it is chance, so that edges do not come back all at once.
fn retry_delay(failures: u32, chance: u64) -> Duration {
    let longest_ms = (RETRY_DELAY_MIN_MS << failures.min(8)).min(RETRY_DELAY_MAX_MS);
    Duration::from_millis(longest_ms / 2 + chance % (longest_ms / 2))
}

fn silent() -> RedisError {
    (ErrorKind::Io, "no answer in time").into()
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(server) => server.req_packed_command(command),
            Self::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(server) => server.req_packed_commands(pipeline, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(server) => server.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_a_limit_and_are_jittered() {
        let range = |failures| [0, u64::MAX].map(|chance| retry_delay(failures, chance).as_millis());
        assert_eq!(range(1)[0], 50);
        assert_eq!(range(4)[0], 400);
        for failures in [5, 40, u32::MAX] {
            assert_eq!(range(failures)[0], 400);
            assert!(range(failures)[1] < 800);
        }
    }
}
