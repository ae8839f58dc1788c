//! Where rooms live: one trait, transitions that are atomic, durable before they are answered, and safe to retry.

pub mod embedded;

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use crate::room::{Command, Outcome, Refusal, View};

/// Why a store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The room refused; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store cannot be reached or cannot write; whether the command took effect is unknown, and a retry is safe.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What is on disk (or in the store) is damaged, and says where.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// A room's shared state.
///
/// Commands are applied one at a time for each room, at the store's own clock, and are durable before they are
/// answered. Commands that wait at the same moment may share one commit.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Applies one command to a room.
    async fn apply(&self, room: &str, command: Command) -> Result<Outcome, StoreError>;

    /// Applies [`Command::Tick`] and says how the room stands; refused with [`Refusal::NotScheduled`] where there is no
    /// plan.
    async fn view(&self, room: &str) -> Result<View, StoreError>;

    /// The roster's bytes, 32 an entry, for a range of entry indexes; shorter where the roster ends. The roster is the
    /// pool of the present draw: those who came later are not in it.
    async fn roster(&self, room: &str, entries: Range<u64>) -> Result<Bytes, StoreError>;

    /// The lines of the public list of claims ([`CLAIM_BYTES`](fairgate_draw::CLAIM_BYTES) each) for a range of them, in
    /// the order of admission; shorter where the list ends. It is of the present draw.
    async fn claims(&self, room: &str, claims: Range<u64>) -> Result<Bytes, StoreError>;
}
