//! Verified passes, remembered, so that a signature is paid once a pass and not once a request.
//!
//! Guarantees:
//! - what is remembered is found by the hash of the whole token, so a token that differs in one byte is verified anew
//! - room, draw, time and early endings are checked on every use
//! - memory is bounded

use std::collections::BTreeMap;
use std::sync::Arc;

use moka::sync::Cache;
use ring::digest::{SHA256, digest};

use super::admission::{Pass, PassError};
use super::keyset::KeySet;

/// What a pass is held against, each time it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    /// The room.
    pub room: &'a str,
    /// The room's present draw; `None` while the store has not told yet.
    pub draw: Option<&'a [u8; 32]>,
    /// Sessions that ended early, by place (`View::closed`).
    pub closed: &'a BTreeMap<u64, u64>,
}

/// A pass that opens the gate.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The pass.
    pub pass: Arc<Pass>,
    /// What its token is remembered by ([`token_id`]).
    pub id: [u8; 32],
    /// True if the signature had been checked before.
    pub from_cache: bool,
}

/// A bounded memory of verified passes.
#[derive(Clone, Debug)]
pub struct PassCache {
    verified: Cache<[u8; 32], Arc<Pass>>,
}

impl PassCache {
    /// Remembers up to `passes_max` passes, about 300 bytes each.
    #[must_use]
    pub fn new(passes_max: u64) -> Self {
        Self { verified: Cache::new(passes_max) }
    }

    /// Verifies everything anew from now on: keys have been withdrawn.
    pub fn forget(&self) {
        self.verified.invalidate_all();
    }

    /// Checks that a token opens the gate now.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self, keys: &KeySet, token: &str, gate: Gate<'_>, now_ms: u64) -> Result<Checked, PassError> {
        let id = token_id(token);
        let (pass, from_cache) = match self.verified.get(&id) {
            Some(pass) => (pass, true),
            None => (Arc::new(keys.verify_pass(token, gate.room, now_ms)?), false),
        };
        if let Err(refusal) = gate.check(&pass, now_ms) {
            self.verified.invalidate(&id);
            return Err(refusal);
        }
        if !from_cache {
            self.verified.insert(id, Arc::clone(&pass));
        }
        Ok(Checked { pass, id, from_cache })
    }

    /// The pass in a token that is known and opens the gate now. Costs a hash, whatever a stranger sends.
    #[inline]
    #[must_use]
    pub fn known(&self, token: &str, gate: Gate<'_>, now_ms: u64) -> Option<Checked> {
        let id = token_id(token);
        let pass = self.verified.get(&id)?;
        gate.check(&pass, now_ms).ok().map(|()| Checked { pass, id, from_cache: true })
    }

    /// Remembers a pass that was signed here.
    pub fn remember(&self, token: &str, pass: Pass) {
        self.verified.insert(token_id(token), Arc::new(pass));
    }
}

impl Gate<'_> {
    /// Checks that a pass whose signature was checked opens the gate now.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self, pass: &Pass, now_ms: u64) -> Result<(), PassError> {
        if pass.room != self.room {
            return Err(PassError::Room);
        }
        if self.draw.is_some_and(|draw| *draw != pass.draw) {
            return Err(PassError::Draw);
        }
        pass.check_time(now_ms)?;
        if self.closed.contains_key(&pass.place) {
            return Err(PassError::Closed);
        }
        Ok(())
    }
}

/// What a token is remembered by.
#[inline]
#[must_use]
pub fn token_id(token: &str) -> [u8; 32] {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
