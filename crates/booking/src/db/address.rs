//! Where the database is, out of a URL or a `key=value` string as libpq takes them.
//!
//! Guarantees:
//! - `sslmode`, `sslrootcert`, `sslcert` and `sslkey` mean what they mean to libpq (and `psql`)
//! - what is not understood is an error that names it, never ignored

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslNegotiation, TargetSessionAttrs};

use super::DbError;
use super::tls::{Certificates, Roots};

/// The parameters that are read here instead of by tokio-postgres.
const OURS: [&str; 8] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "target_session_attrs",
    "pooler",
    // What libpq knows and nothing depends on here: accepted when it asks for nothing.
    "gssencmode",
    "sslcompression",
];
const SILENCE_MAX: Duration = Duration::from_secs(5);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(1);
const KEEPALIVES_MAX: u32 = 4;

/// When to speak TLS, and whom to believe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SslMode {
    /// Never.
    Disable,
    /// When it does not work without.
    Allow,
    /// When the server does; without when that does not work.
    Prefer,
    /// Always. Root certificates are believed when there are any; else everybody is.
    Require,
    /// Always, with somebody whom a root certificate vouches for.
    VerifyCa,
    /// Always, with somebody whom a root certificate vouches for by this host's name.
    VerifyFull,
}

/// What stands between us and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooler {
    /// To be found out.
    Auto,
    /// One that gives each transaction any of its connections (PgBouncer's `pool_mode = transaction`).
    Transaction,
    /// One that gives each client a connection of its own, and takes no `options` at its start.
    Session,
}

/// One server of the URL.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// How to connect to it, and to nobody else.
    pub(super) config: Config,
    /// As people know it.
    pub(super) name: String,
    /// True for a Unix socket, on which nobody speaks TLS.
    pub(super) is_socket: bool,
}

/// Everything that the URL says.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) is_random_order: bool,
    pub(super) sslmode: SslMode,
    pub(super) certificates: Certificates,
    pub(super) direct_tls: bool,
    /// True if servers that take no writes are passed over. None where the URL leaves that to the caller.
    pub(super) needs_writes: Option<bool>,
    pub(super) pooler: Pooler,
}

impl Address {
    /// Reads a URL. `patience` is how long connecting may take in all.
    pub(super) fn read(url: &str, patience: Duration) -> Result<Self, DbError> {
        let (rest, ours) = split(url)?;
        let config: Config = rest.parse().map_err(DbError::Url)?;
        let word = |name: &str| ours.get(name).map(String::as_str).filter(|value| !value.is_empty());
        check_absent(word("gssencmode"), "gssencmode", &["disable", "prefer"])?;
        check_absent(word("sslcompression"), "sslcompression", &["0"])?;
        let sslmode = word("sslmode").map(read_sslmode).transpose()?;
        let (sslmode, roots) = trust(sslmode, word("sslrootcert"))?;
        let file = |name, usual| word(name).map(PathBuf::from).or_else(|| usual_file(usual));
        let certificates =
            Certificates { roots, cert: file("sslcert", "postgresql.crt"), key: file("sslkey", "postgresql.key") };
        let direct_tls = config.get_ssl_negotiation() == SslNegotiation::Direct;
        if direct_tls && sslmode < SslMode::Require {
            return Err(wrong("sslnegotiation=direct needs sslmode=require, verify-ca or verify-full"));
        }
        let is_random_order = config.get_load_balance_hosts() == LoadBalanceHosts::Random;
        let needs_writes = word("target_session_attrs").map(read_needs_writes).transpose()?;
        let pooler = word("pooler").map_or(Ok(Pooler::Auto), read_pooler)?;
        let endpoints = endpoints(&config, patience)?;
        Ok(Self { endpoints, is_random_order, sslmode, certificates, direct_tls, needs_writes, pooler })
    }
}

fn wrong(what: impl Into<String>) -> DbError {
    DbError::Address(what.into())
}

fn check_absent(value: Option<&str>, name: &str, harmless: &[&str]) -> Result<(), DbError> {
    match value {
        Some(value) if !harmless.contains(&value) => {
            Err(wrong(format!("{name}={value} is not supported; leave it out")))
        }
        _ => Ok(()),
    }
}

fn read_sslmode(text: &str) -> Result<SslMode, DbError> {
    Ok(match text {
        "disable" => SslMode::Disable,
        "allow" => SslMode::Allow,
        "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        other => {
            let known = "disable, allow, prefer, require, verify-ca and verify-full";
            return Err(wrong(format!("there is no sslmode={other}; there are {known}")));
        }
    })
}

fn read_needs_writes(text: &str) -> Result<bool, DbError> {
    match text {
        "any" => Ok(false),
        "read-write" | "primary" => Ok(true),
        other => Err(wrong(format!(
            "target_session_attrs={other} leads to servers that take no bookings; write read-write or leave it out"
        ))),
    }
}

fn read_pooler(text: &str) -> Result<Pooler, DbError> {
    match text {
        "auto" => Ok(Pooler::Auto),
        "transaction" => Ok(Pooler::Transaction),
        "session" => Ok(Pooler::Session),
        other => Err(wrong(format!("there is no pooler={other}; there are auto, transaction and session"))),
    }
}

/// Whom to believe. As with libpq, root certificates that are there are used in every mode, the usual file
/// (`~/.postgresql/root.crt`) too. The system's roots ask for the strictest mode.
fn trust(sslmode: Option<SslMode>, sslrootcert: Option<&str>) -> Result<(SslMode, Roots), DbError> {
    if sslrootcert == Some("system") {
        return match sslmode {
            None | Some(SslMode::VerifyFull) => Ok((SslMode::VerifyFull, Roots::System)),
            Some(_) => Err(wrong("sslrootcert=system needs sslmode=verify-full: anybody gets a certificate of these")),
        };
    }
    let sslmode = sslmode.unwrap_or(SslMode::Prefer);
    let named = sslrootcert.map(PathBuf::from);
    let verifies = sslmode >= SslMode::VerifyCa;
    match named.filter(|file| verifies || file.exists()).or_else(|| usual_file("root.crt")) {
        Some(file) => Ok((sslmode, Roots::File(file))),
        None if verifies => Err(wrong(
            "sslmode=verify-ca and verify-full need root certificates: name their file with sslrootcert=/path/to/root.crt, \
             or write sslrootcert=system for those of this machine",
        )),
        None => Ok((sslmode, Roots::Nobody)),
    }
}

/// A file that libpq looks for, if it is there.
fn usual_file(name: &str) -> Option<PathBuf> {
    let file = PathBuf::from(std::env::var_os("HOME")?).join(".postgresql").join(name);
    file.exists().then_some(file)
}

/// A configuration for each server, in the order of the URL.
fn endpoints(all: &Config, patience: Duration) -> Result<Vec<Endpoint>, DbError> {
    let (hosts, addresses, ports) = (all.get_hosts(), all.get_hostaddrs(), all.get_ports());
    let servers = hosts.len().max(addresses.len());
    if servers == 0 {
        return Err(wrong("it names no host"));
    }
    if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        return Err(wrong("it has not as many hosts as hostaddrs"));
    }
    if ports.len() > 1 && ports.len() != servers {
        return Err(wrong("it has not as many ports as hosts; give each its own, or one for all"));
    }
    let share = patience / u32::try_from(servers).unwrap_or(1);
    let endpoint = |n: usize| {
        let port = ports.get(n).or(ports.first()).copied().unwrap_or(5432);
        let mut config = for_one(all, share.max(Duration::from_secs(1)));
        config.port(port);
        if let Some(address) = addresses.get(n) {
            config.hostaddr(*address);
        }
        let (name, is_socket) = match hosts.get(n) {
            Some(Host::Tcp(host)) => {
                config.host(host);
                (format!("{host}:{port}"), false)
            }
            Some(Host::Unix(path)) => {
                config.host_path(path);
                (format!("{}/.s.PGSQL.{port}", path.display()), true)
            }
            None => {
                // Its certificate must be for this number, then.
                config.host(addresses[n].to_string());
                (format!("{}:{port}", addresses[n]), false)
            }
        };
        Endpoint { config, name, is_socket }
    };
    Ok((0..servers).map(endpoint).collect())
}

/// What holds for every server, without the servers. A network that falls silent is noticed within seconds.
fn for_one(all: &Config, connect_timeout: Duration) -> Config {
    let mut one = Config::new();
    if let Some(user) = all.get_user() {
        one.user(user);
    }
    if let Some(password) = all.get_password() {
        one.password(password);
    }
    if let Some(dbname) = all.get_dbname() {
        one.dbname(dbname);
    }
    if let Some(options) = all.get_options() {
        one.options(options);
    }
    one.application_name(all.get_application_name().unwrap_or("fairgate booking"));
    one.ssl_negotiation(all.get_ssl_negotiation()).channel_binding(all.get_channel_binding());
    one.target_session_attrs(TargetSessionAttrs::Any);
    one.connect_timeout(all.get_connect_timeout().copied().unwrap_or(connect_timeout).min(connect_timeout));
    one.tcp_user_timeout(all.get_tcp_user_timeout().copied().unwrap_or(SILENCE_MAX));
    one.keepalives(all.get_keepalives()).keepalives_idle(all.get_keepalives_idle().min(SILENCE_MAX));
    one.keepalives_interval(all.get_keepalives_interval().unwrap_or(KEEPALIVE_EVERY));
    one.keepalives_retries(all.get_keepalives_retries().unwrap_or(KEEPALIVES_MAX));
    one
}

/// The string without our parameters, and these.
fn split(url: &str) -> Result<(String, BTreeMap<String, String>), DbError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") { split_url(url) } else { split_words(url) }
}

fn split_url(url: &str) -> Result<(String, BTreeMap<String, String>), DbError> {
    // What is before the first `@` may be a password with a question mark in it.
    let after_credentials = url.find('@').map_or(0, |at| at + 1);
    let Some(at) = url[after_credentials..].find('?').map(|at| after_credentials + at) else {
        return Ok((url.to_owned(), BTreeMap::new()));
    };
    let (mut theirs, mut ours) = (Vec::new(), BTreeMap::new());
    for parameter in url[at + 1..].split('&').filter(|parameter| !parameter.is_empty()) {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if OURS.contains(&key) {
            let bytes = percent_decode(value);
            let value = String::from_utf8(bytes).map_err(|_| wrong(format!("{key} is not UTF-8")))?;
            ours.insert(key.to_owned(), value);
        } else {
            theirs.push(parameter);
        }
    }
    let mark = if theirs.is_empty() { "" } else { "?" };
    Ok((format!("{}{mark}{}", &url[..at], theirs.join("&")), ours))
}

fn percent_decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    decoded
}

fn split_words(words: &str) -> Result<(String, BTreeMap<String, String>), DbError> {
    let (mut theirs, mut ours) = (String::new(), BTreeMap::new());
    let mut rest = words.trim_start();
    while !rest.is_empty() {
        let (key, after_key) =
            rest.split_once('=').ok_or_else(|| wrong("it is neither a URL nor words like host=… user=…"))?;
        let value_at = after_key.trim_start();
        let (value, after) = read_value(value_at);
        if OURS.contains(&key.trim()) {
            ours.insert(key.trim().to_owned(), value);
        } else {
            theirs.push_str(&rest[..rest.len() - after.len()]);
            theirs.push(' ');
        }
        rest = after.trim_start();
    }
    Ok((theirs, ours))
}

/// A value, quoted or not, and what follows it.
fn read_value(text: &str) -> (String, &str) {
    let quoted = text.strip_prefix('\'');
    let (mut value, mut escaped) = (String::new(), false);
    let body = quoted.unwrap_or(text);
    for (at, char) in body.char_indices() {
        match char {
            _ if escaped => {
                value.push(char);
                escaped = false;
            }
            '\\' => escaped = true,
            '\'' if quoted.is_some() => return (value, &body[at + 1..]),
            char if quoted.is_none() && char.is_whitespace() => return (value, &body[at..]),
            char => value.push(char),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests;
