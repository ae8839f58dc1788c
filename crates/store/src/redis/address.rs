//! Where Redis is: one server, a master that Sentinels know, or a cluster.
//!
//! Guarantee: no credentials in a URL, so none in a configuration file, a log line or an error.

use std::fmt;
use std::str::FromStr;

use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisResult};

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// A Redis, Valkey, or several of them that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisAddress {
    /// True to speak TLS, to Sentinels too.
    pub tls: bool,
    /// The number of the database; always 0 in a cluster.
    pub database: u8,
    /// Who to ask.
    pub topology: Topology,
}

/// How many servers there are, and which of them takes writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// This one.
    Server(Node),
    /// The one that the Sentinels name at the moment.
    Sentinel {
        /// Some of the Sentinels.
        sentinels: Vec<Node>,
        /// What they call the master.
        service: String,
    },
    /// Each its slots.
    Cluster(Vec<Node>),
}

/// A host and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What is wrong with a URL, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Another scheme.
    #[error(
        "begin with redis://, redis+sentinel:// or redis+cluster:// (rediss… for TLS), for example redis://10.0.0.5:6379"
    )]
    Scheme,
    /// A user or a password.
    #[error("leave user and password out: they come from FAIRGATE_REDIS_USER and FAIRGATE_REDIS_PASSWORD")]
    Credentials,
    /// Not a host with or without a port.
    #[error("{0:?} is not HOST or HOST:PORT")]
    Node(String),
    /// No name of the master, or too many parts.
    #[error("name the master as the Sentinels do: redis+sentinel://HOST,HOST/NAME")]
    Service,
    /// Several servers, but neither Sentinels nor a cluster.
    #[error("several servers are a cluster (redis+cluster://) or Sentinels (redis+sentinel://)")]
    Several,
    /// Not a number of a database.
    #[error("{0:?} is not the number of a database (0 to 255; clusters have none)")]
    Database(String),
}

impl FromStr for RedisAddress {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = url.split_once("://").ok_or(AddressError::Scheme)?;
        if rest.contains('@') {
            return Err(AddressError::Credentials);
        }
        let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match base {
            "redis" => false,
            "rediss" => true,
            _ => return Err(AddressError::Scheme),
        };
        let (nodes, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (topology, database) = match kind {
            "" => (Topology::Server(one(nodes)?), path),
            "sentinel" => sentinel(nodes, path)?,
            "cluster" => (Topology::Cluster(several(nodes, PORT)?), path),
            _ => return Err(AddressError::Scheme),
        };
        let database = match (database, &topology) {
            ("", _) => 0,
            (number, Topology::Cluster(_)) => return Err(AddressError::Database(number.to_owned())),
            (number, _) => number.parse().map_err(|_| AddressError::Database(number.to_owned()))?,
        };
        Ok(Self { tls, database, topology })
    }
}

fn one(nodes: &str) -> Result<Node, AddressError> {
    match several(nodes, PORT)?.as_slice() {
        [node] => Ok(node.clone()),
        _ => Err(AddressError::Several),
    }
}

fn sentinel<'u>(nodes: &str, path: &'u str) -> Result<(Topology, &'u str), AddressError> {
    let (service, database) = path.split_once('/').unwrap_or((path, ""));
    if service.is_empty() {
        return Err(AddressError::Service);
    }
    let sentinels = several(nodes, SENTINEL_PORT)?;
    Ok((Topology::Sentinel { sentinels, service: service.to_owned() }, database))
}

fn several(nodes: &str, port: u16) -> Result<Vec<Node>, AddressError> {
    nodes.split(',').map(|node| read_node(node, port)).collect()
}

/// `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
fn read_node(text: &str, port: u16) -> Result<Node, AddressError> {
    let wrong = || AddressError::Node(text.to_owned());
    let (host, rest) = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').ok_or_else(wrong)?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(number) => number.parse().map_err(|_| wrong())?,
        None if rest.is_empty() => port,
        None => return Err(wrong()),
    };
    if host.is_empty() { Err(wrong()) } else { Ok(Node { host: host.to_owned(), port }) }
}

impl RedisAddress {
    /// How the client library connects to one of the nodes.
    pub(super) fn connection(&self, node: &Node, login: RedisConnectionInfo) -> RedisResult<ConnectionInfo> {
        let keepalive = TcpSettings::default().set_nodelay(true);
        Ok(self.connection_addr(node).into_connection_info()?.set_redis_settings(login).set_tcp_settings(keepalive))
    }

    /// The address of one of the nodes.
    pub(super) fn connection_addr(&self, node: &Node) -> ConnectionAddr {
        let Node { host, port } = node.clone();
        match self.tls {
            false => ConnectionAddr::Tcp(host, port),
            true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        }
    }
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |nodes: &[Node]| nodes.iter().map(Node::to_string).collect::<Vec<_>>().join(",");
        let base = if self.tls { "rediss" } else { "redis" };
        match &self.topology {
            Topology::Server(node) => write!(f, "{base}://{node}/{}", self.database),
            Topology::Sentinel { sentinels, service } => {
                write!(f, "{base}+sentinel://{}/{service}/{}", join(sentinels), self.database)
            }
            Topology::Cluster(nodes) => write!(f, "{base}+cluster://{}", join(nodes)),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_url_says_the_same_when_it_is_written_again() {
        for (url, again) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("rediss://10.0.0.5:6380/3", "rediss://10.0.0.5:6380/3"),
            ("redis://[::1]:7000", "redis://[::1]:7000/0"),
            ("redis+sentinel://a,b:1/onsale", "redis+sentinel://a:26379,b:1/onsale/0"),
            ("rediss+sentinel://a/onsale/2", "rediss+sentinel://a:26379/onsale/2"),
            ("redis+cluster://a,b:7001", "redis+cluster://a:6379,b:7001"),
        ] {
            let address: RedisAddress = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(address.to_string(), again);
            assert_eq!(again.parse(), Ok(address));
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        for (url, error) in [
            ("localhost:6379", AddressError::Scheme),
            ("http://localhost", AddressError::Scheme),
            ("redis+raft://localhost", AddressError::Scheme),
            ("redis://:secret@localhost", AddressError::Credentials),
            ("redis://", AddressError::Node(String::new())),
            ("redis://a:port", AddressError::Node("a:port".into())),
            ("redis://a,b", AddressError::Several),
            ("redis://a/db", AddressError::Database("db".into())),
            ("redis+cluster://a/1", AddressError::Database("1".into())),
            ("redis+sentinel://a", AddressError::Service),
        ] {
            assert_eq!(url.parse::<RedisAddress>(), Err(error), "{url}");
        }
    }
}
