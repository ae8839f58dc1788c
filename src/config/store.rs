//! `[store]`: where rooms live.
//!
//! User and password of Redis never stand in the file: they are `FAIRGATE_REDIS_USER` and `FAIRGATE_REDIS_PASSWORD`.

use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::Secret;
use super::reader::Section;
use super::value::{Misfit, Value};
use fairgate_store::redis::{RedisAddress, RedisOptions};

const USER_ENV: &str = "FAIRGATE_REDIS_USER";
const PASSWORD_ENV: &str = "FAIRGATE_REDIS_PASSWORD";

/// Where rooms live: on this edge's own disk, or in a Redis that several edges share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The directory with the rooms' journals, or with what this edge could put back into Redis; made where it is missing.
    pub path: PathBuf,
    /// The Redis of a fleet.
    pub redis: Option<RedisConfig>,
}

/// How to reach Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisConfig {
    /// Where it is.
    pub address: RedisAddress,
    /// The file with the certificates of the authority that signed the server's, where the system does not know it.
    pub authority: Option<PathBuf>,
}

impl StoreConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let address: Option<RedisAddress> = section.get("redis");
        let authority: Option<PathBuf> = section.get("redis_ca");
        let has_tls = address.as_ref().is_none_or(|address| address.tls);
        section.check(
            authority.is_none() || has_tls,
            "redis_ca",
            "is of no use without TLS",
            "write rediss:// in store.redis, or leave redis_ca out",
        );
        section.check(
            authority.is_none() || address.is_some(),
            "redis_ca",
            "is of no use without a Redis",
            "add redis = \"rediss://…\", or leave redis_ca out",
        );
        let redis = address.map(|address| RedisConfig { address, authority });
        Some(Self { path: section.get_or("path", "data".into()), redis })
    }
}

impl RedisConfig {
    /// Looks up the credentials and reads the authority's file; `path` is the edge's own directory.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn resolve(&self, path: &Path, env: impl Fn(&str) -> Option<String>) -> Result<RedisOptions, String> {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        Ok(RedisOptions {
            address: self.address.clone(),
            user: set(USER_ENV),
            password: set(PASSWORD_ENV).map(Secret::new),
            ledger: Some(path.to_owned()),
            takes_over: false,
            authority_pem: self.authority.as_deref().map(read_authority).transpose()?,
        })
    }
}

/// Reads a file of certificates.
pub(super) fn read_authority(path: &Path) -> Result<Vec<u8>, String> {
    let pem = std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let is_certificate = pem::parse_many(&pem).is_ok_and(|blocks| blocks.iter().any(|b| b.tag() == "CERTIFICATE"));
    if is_certificate { Ok(pem) } else { Err(format!("{} has no certificate in PEM", path.display())) }
}

impl Value for RedisAddress {
    fn kind() -> String {
        "URL".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let url = String::read(value)?;
        url.parse()
            .map_err(|error| Misfit::new(format!("is not the URL of a Redis: {}", shown(&url)), format!("{error}")))
    }
}

/// A URL in a message, without what may be a password.
fn shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => url.to_owned(),
    }
}
