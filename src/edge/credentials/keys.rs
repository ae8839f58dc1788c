//! Signing keys, which are reloaded when their files change, without a restart.
//!
//! Guarantees: unusable files change nothing, and the log says why. A removed key verifies nothing any more, not even
//! what was verified with it before.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::fingerprint::Fingerprint;
use crate::edge::http::answer::Answer;
use crate::edge::http::cors::ANYBODY;
use fairgate_token::{KeyError, KeyRing, list_keys};

/// The keys of one moment, and how they are published.
pub(crate) struct Keys {
    ring: KeyRing,
    pub(crate) jwks: Answer,
    files: Fingerprint,
}

impl Deref for Keys {
    type Target = KeyRing;

    fn deref(&self) -> &KeyRing {
        &self.ring
    }
}

/// The keys of an edge, whichever they are at the moment.
pub(crate) struct LiveKeys {
    dir: PathBuf,
    issuer: String,
    now: ArcSwap<Keys>,
}

impl LiveKeys {
    pub(crate) fn load(dir: PathBuf, issuer: &str) -> Result<Self, KeyError> {
        let keys = read(&dir, issuer)?;
        Ok(Self { dir, issuer: issuer.to_owned(), now: ArcSwap::from_pointee(keys) })
    }

    /// The keys of this moment.
    pub(crate) fn now(&self) -> Guard<Arc<Keys>> {
        self.now.load()
    }

    /// Reads the keys again if their files are others; answers the keys before.
    pub(crate) fn reload(&self) -> Result<Option<Arc<Keys>>, KeyError> {
        if fingerprint(&self.dir)? == self.now.load().files {
            return Ok(None);
        }
        let keys = read(&self.dir, &self.issuer)?;
        Ok(Some(self.now.swap(Arc::new(keys))))
    }
}

/// Files that are written meanwhile have another fingerprint at the next look.
fn read(dir: &Path, issuer: &str) -> Result<Keys, KeyError> {
    let files = fingerprint(dir)?;
    let ring = KeyRing::load(dir, issuer)?;
    let jwks = Answer::empty(StatusCode::OK)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"))
        .header(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))
        .header(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY)
        .body(ring.jwks());
    Ok(Keys { ring, jwks, files })
}

fn fingerprint(dir: &Path) -> Result<Fingerprint, KeyError> {
    let files = list_keys(dir)?;
    Ok(Fingerprint::of(files.iter().map(|file| file.path.as_path())))
}
