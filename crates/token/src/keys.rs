//! Private keys: files in a directory, one Ed25519 key each, named by their id.
//!
//! Guarantees:
//! - an id is `<UTC second from which it signs>-<8 hex digits of the public key's hash>`, so the order of the names is
//!   the order of signing
//! - a token is signed by the newest key whose second has come at the token's own time
//! - every key in the directory verifies, including one that does not sign yet, so a fleet learns a key before it
//!   meets its tokens

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use ring::rand::SecureRandom;
use serde::Serialize;

use super::{admission, jws, keyset::KeySet, ticket};

/// More keys than this in a directory are refused: rotation leaves two or three.
pub const KEYS_MAX: usize = 16;

const PEM_TAG: &str = "PRIVATE KEY";
/// PKCS#8 version 1 of an Ed25519 seed (RFC 8410): this, then the 32 bytes. Every tool reads it, OpenSSL's included.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const KID_TIME: &str = "%Y%m%dT%H%M%SZ";

/// Why keys cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The directory or a file cannot be read or written.
    #[error("cannot use {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No key.
    #[error("no signing key in {dir}; make one with `fairgate keys new --dir {dir}`")]
    NoKey {
        /// Where.
        dir: PathBuf,
    },
    /// More than [`KEYS_MAX`] keys.
    #[error("more than {KEYS_MAX} keys in {dir}; delete the oldest files")]
    TooMany {
        /// Where.
        dir: PathBuf,
    },
    /// The name does not say from when the key signs.
    #[error("{path} is not named like a key made by `fairgate keys new` (20261201T090000Z-0123abcd.pem); move it away")]
    Name {
        /// Where.
        path: PathBuf,
    },
    /// Not a PKCS#8 PEM of an Ed25519 key.
    #[error("{path} is not an Ed25519 private key in PKCS#8 PEM; make a new one with `fairgate keys new`")]
    NotEd25519 {
        /// Where.
        path: PathBuf,
    },
    /// Others can read the file.
    #[error("{path} can be read by others (mode {mode:03o}); run `chmod 600 {path}`")]
    Readable {
        /// Where.
        path: PathBuf,
        /// The file's permission bits.
        mode: u32,
    },
    /// The system has no randomness.
    #[error("the system's random number generator failed")]
    Random,
    /// The time cannot stand in a key's name.
    #[error("{at_ms} (Unix ms) is not a time that a key can be named after")]
    Time {
        /// The time.
        at_ms: u64,
    },
}

/// A key file, as `fairgate keys list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// The key's id, as in `kid`.
    pub kid: String,
    /// Where it is.
    pub path: PathBuf,
    /// From when on it signs, Unix ms.
    pub signs_from_ms: u64,
}

/// The keys that sign and verify.
#[derive(Debug)]
pub struct KeyRing {
    /// By the time from which each signs, earliest first; never empty.
    signers: Vec<Signer>,
    public: KeySet,
}

/// One private key, ready to sign.
#[derive(Debug)]
pub(crate) struct Signer {
    signs_from_ms: u64,
    pair: Ed25519KeyPair,
    kid: String,
    ticket_header: String,
    pass_header: String,
}

impl KeyRing {
    /// Reads every key in a directory. `issuer` is what tokens name as `iss`.
    ///
    /// # Errors
    /// When there is no key, or one that cannot be used; the message says what to do.
    pub fn load(dir: &Path, issuer: &str) -> Result<Self, KeyError> {
        let files = list_keys(dir)?;
        if files.is_empty() {
            return Err(KeyError::NoKey { dir: dir.to_owned() });
        }
        let mut signers = Vec::with_capacity(files.len());
        let mut public = BTreeMap::new();
        for file in files {
            let pair = read_key(&file.path)?;
            public.insert(file.kid.clone(), public_bytes(&pair));
            signers.push(Signer::new(&file.kid, file.signs_from_ms, pair));
        }
        Ok(Self { signers, public: KeySet::new(issuer, public) })
    }

    /// The public halves: what verifies.
    #[must_use]
    pub fn public(&self) -> &KeySet {
        &self.public
    }

    /// The public halves as a JWKS document.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.public.to_jwks()
    }

    /// The newest key whose time has come; before the first one's time, the first one.
    pub(crate) fn signer(&self, now_ms: u64) -> &Signer {
        let come = self.signers.partition_point(|signer| signer.signs_from_ms <= now_ms);
        &self.signers[come.saturating_sub(1)]
    }
}

impl Signer {
    fn new(kid: &str, signs_from_ms: u64, pair: Ed25519KeyPair) -> Self {
        let ticket_header = jws::header(kid, ticket::TYPE);
        let pass_header = jws::header(kid, admission::TYPE);
        Self { signs_from_ms, pair, kid: kid.to_owned(), ticket_header, pass_header }
    }

    pub(crate) fn sign_ticket(&self, claims: &impl Serialize) -> String {
        jws::sign(&self.pair, &self.ticket_header, claims)
    }

    pub(crate) fn sign_pass(&self, claims: &impl Serialize) -> String {
        jws::sign(&self.pair, &self.pass_header, claims)
    }

    pub(crate) fn sign_detached(&self, typ: &str, payload: &[u8]) -> String {
        jws::sign_detached(&self.pair, &jws::header(&self.kid, typ), payload)
    }
}

/// Makes a key that signs from `signs_from_ms` on, and writes it into a directory (made where it is missing).
///
/// # Errors
/// When the directory or file cannot be written.
pub fn create_key(dir: &Path, signs_from_ms: u64, random: &dyn SecureRandom) -> Result<KeyFile, KeyError> {
    let mut seed = [0; 32];
    random.fill(&mut seed).map_err(|_| KeyError::Random)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Random)?;
    let kid = kid(signs_from_ms, &pair)?;
    let path = dir.join(format!("{kid}.pem"));
    let failed = |source| KeyError::Io { path: path.clone(), source };
    fs::create_dir_all(dir).map_err(failed)?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    let pem = pem::encode(&pem::Pem::new(PEM_TAG, [&PKCS8_PREFIX[..], &seed].concat()));
    file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(KeyFile { kid, path, signs_from_ms: signs_from_ms - signs_from_ms % 1000 })
}

/// The key files of a directory, in the order in which they sign. Only the names are looked at.
///
/// # Errors
/// When the directory cannot be read, or holds a `.pem` file that is not named like a key.
pub fn list_keys(dir: &Path) -> Result<Vec<KeyFile>, KeyError> {
    let failed = |source| KeyError::Io { path: dir.to_owned(), source };
    let mut keys = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "pem") {
            keys.push(key_file(path)?);
        }
    }
    if keys.len() > KEYS_MAX {
        return Err(KeyError::TooMany { dir: dir.to_owned() });
    }
    keys.sort_by(|a, b| a.kid.cmp(&b.kid));
    Ok(keys)
}

fn key_file(path: PathBuf) -> Result<KeyFile, KeyError> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    match stem.and_then(|kid| Some((kid.to_owned(), signs_from_ms(kid)?))) {
        Some((kid, signs_from_ms)) => Ok(KeyFile { kid, path, signs_from_ms }),
        None => Err(KeyError::Name { path }),
    }
}

/// True if nobody but us can read a file.
///
/// A file that root has given to our group is ours, too: that is how Kubernetes mounts secrets for those who are not
/// root.
fn is_private(mode: u32, owner: u32, us: u32) -> bool {
    let is_given_to_us = owner == 0 && us != 0;
    mode & if is_given_to_us { 0o037 } else { 0o077 } == 0
}

fn read_key(path: &Path) -> Result<Ed25519KeyPair, KeyError> {
    let failed = |source| KeyError::Io { path: path.to_owned(), source };
    let file = fs::metadata(path).map_err(failed)?;
    let mode = file.permissions().mode() & 0o777;
    if !is_private(mode, file.uid(), rustix::process::geteuid().as_raw()) {
        return Err(KeyError::Readable { path: path.to_owned(), mode });
    }
    let text = fs::read(path).map_err(failed)?;
    let not_ed25519 = || KeyError::NotEd25519 { path: path.to_owned() };
    let pem = pem::parse(text).map_err(|_| not_ed25519())?;
    if pem.tag() != PEM_TAG {
        return Err(not_ed25519());
    }
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(pem.contents()).map_err(|_| not_ed25519())
}

fn kid(signs_from_ms: u64, pair: &Ed25519KeyPair) -> Result<String, KeyError> {
    let time = i64::try_from(signs_from_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let time = time.ok_or(KeyError::Time { at_ms: signs_from_ms })?;
    let name = strtime::format(KID_TIME, &time.to_zoned(TimeZone::UTC))
        .map_err(|_| KeyError::Time { at_ms: signs_from_ms })?;
    let hash = ring::digest::digest(&ring::digest::SHA256, &public_bytes(pair));
    Ok(format!("{name}-{}", hex::encode(&hash.as_ref()[..4])))
}

/// True if an id is one that [`create_key`] gives.
pub(crate) fn is_key_name(kid: &str) -> bool {
    signs_from_ms(kid).is_some()
}

fn signs_from_ms(kid: &str) -> Option<u64> {
    let (time, hash) = kid.split_once('-')?;
    let named_by_us = hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    let time = strtime::parse(KID_TIME, time).ok()?.to_datetime().ok()?.to_zoned(TimeZone::UTC).ok()?;
    named_by_us.then(|| u64::try_from(time.timestamp().as_millisecond()).ok())?
}

fn public_bytes(pair: &Ed25519KeyPair) -> [u8; 32] {
    pair.public_key().as_ref().try_into().expect("an Ed25519 public key has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_may_read_what_root_has_given_to_it_and_nothing_else() {
        let (root, us, other) = (0, 65_532, 1_000);
        for (mode, owner, us, expected) in [
            (0o600, us, us, true),
            (0o640, us, us, false),
            (0o440, root, us, true),
            (0o444, root, us, false),
            (0o460, root, us, false),
            (0o440, other, us, false),
            (0o440, root, root, false),
        ] {
            assert_eq!(is_private(mode, owner, us), expected, "{mode:o} {owner} {us}");
        }
    }
}
