//! The draw's steps, in the one order in which they are worth anything: descriptor, root, secret and seed.
//!
//! Guarantees: what is published once is never replaced by anything else; the secret leaves the room only after the
//! root has been public for the witness time.

use fairgate_draw::{Descriptor, ZERO, commitment, seed};

use super::{DrawRecord, Plan, Refusal};

/// One draw: a descriptor and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draw {
    secret: [u8; 32],
    commitment: [u8; 32],
    descriptor: String,
    digest: [u8; 32],
    frozen: Option<Frozen>,
    revealed: Option<Revealed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frozen {
    entries: u64,
    root: [u8; 32],
    at_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Revealed {
    beacon: Option<[u8; 32]>,
    seed: [u8; 32],
}

impl Draw {
    /// The draw that a plan commits to.
    pub(super) fn new(plan: &Plan) -> Self {
        let commitment = commitment(&plan.secret);
        let descriptor = Descriptor {
            beacon: None,
            commitment,
            opens_at_ms: plan.opens_at_ms,
            room: plan.room.clone(),
            starts_at_ms: plan.starts_at_ms,
        };
        Self {
            secret: plan.secret,
            commitment,
            digest: descriptor.digest(),
            descriptor: descriptor.canonical_json(),
            frozen: None,
            revealed: None,
        }
    }

    /// Whether everyone has a place.
    pub(super) fn is_done(&self) -> bool {
        self.revealed.is_some()
    }

    /// Publishes the root of the closed pool of `pool` entries; answers whether that is new.
    pub(super) fn freeze(&mut self, pool: u64, entries: u64, root: &[u8; 32], now_ms: u64) -> Result<bool, Refusal> {
        if entries != pool {
            return Err(Refusal::Contradiction(format!("the root covers {entries} entries, the pool has {pool}")));
        }
        match &self.frozen {
            Some(frozen) if frozen.root == *root => Ok(false),
            Some(_) => Err(Refusal::Contradiction("another root is public already".into())),
            None => {
                self.frozen = Some(Frozen { entries, root: *root, at_ms: now_ms });
                Ok(true)
            }
        }
    }

    /// Fixes the seed; answers whether that is new.
    pub(super) fn reveal(&mut self, beacon: Option<[u8; 32]>, witness_ms: u64, now_ms: u64) -> Result<bool, Refusal> {
        if beacon.is_some() {
            return Err(Refusal::Contradiction("the descriptor names no beacon".into()));
        }
        let Some(frozen) = self.frozen else {
            return Err(Refusal::OutOfPhase("the root must be published before the secret".into()));
        };
        if self.revealed.is_some() {
            return Ok(false);
        }
        let witnessed_ms = now_ms.saturating_sub(frozen.at_ms);
        if witnessed_ms < witness_ms {
            let left_ms = witness_ms - witnessed_ms;
            return Err(Refusal::OutOfPhase(format!("the root must be public for another {left_ms} ms")));
        }
        let seed = seed(&self.digest, frozen.entries, &frozen.root, &self.secret, &beacon.unwrap_or(ZERO));
        self.revealed = Some(Revealed { beacon, seed });
        Ok(true)
    }

    /// What is public of this draw so far.
    pub(super) fn record(&self) -> DrawRecord {
        DrawRecord {
            descriptor: self.descriptor.clone(),
            descriptor_digest: self.digest,
            commitment: self.commitment,
            entries: self.frozen.map(|frozen| frozen.entries),
            root: self.frozen.map(|frozen| frozen.root),
            frozen_at_ms: self.frozen.map(|frozen| frozen.at_ms),
            secret: self.revealed.map(|_| self.secret),
            beacon: self.revealed.and_then(|revealed| revealed.beacon),
            seed: self.revealed.map(|revealed| revealed.seed),
        }
    }
}
