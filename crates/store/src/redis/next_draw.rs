//! The draw of a room's next sale in Redis, and what this edge keeps of it on its own disk.
//!
//! Guarantee: what this edge has once seen kept it can put back, whatever Redis loses, also after a restart.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use fairgate_core::room::PreparedDraw;
use redis::{RedisError, Script};

use super::link::Link;
use super::script::{nonsense, run, unavailable};
use crate::next_draw::{Unread, from_bytes, read, to_bytes, write};
use crate::{Damage, StoreError};

static KEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../../lua/keep_next.lua")));

/// What this edge has on its disk, by room: read once, and written when Redis has another one.
#[derive(Debug, Default)]
pub(super) struct OwnCopies(Mutex<HashMap<String, Option<PreparedDraw>>>);

/// The key beside the room's, in its slot.
fn key(room_key: &str) -> String {
    format!("{room_key}:next")
}

/// Reads what Redis has.
pub(super) async fn kept(link: &Link, room_key: &str) -> Result<Option<PreparedDraw>, StoreError> {
    let key = key(room_key);
    let get = |mut connection| async move { redis::cmd("GET").arg(&key).query_async(&mut connection).await };
    let bytes: Option<Vec<u8>> = link.call(get).await.map_err(|error: RedisError| unavailable(&error))?;
    bytes.map(|bytes| parse(&bytes)).transpose()
}

/// Replaces what Redis has, if it is what the caller knows; answers what it has then.
pub(super) async fn keep(
    link: &Link,
    room_key: &str,
    known: Option<&PreparedDraw>,
    next: &PreparedDraw,
) -> Result<PreparedDraw, StoreError> {
    let known = known.map(to_bytes).transpose()?.unwrap_or_default();
    let mut call = KEEP.key(key(room_key));
    call.arg(known).arg(to_bytes(next)?);
    let reply = run(&call, link).await?;
    let bytes: Option<Vec<u8>> = reply.values.first().and_then(|value| redis::from_redis_value_ref(value).ok());
    parse(&bytes.ok_or_else(|| nonsense("no draw of a next sale"))?)
}

fn parse(bytes: &[u8]) -> Result<PreparedDraw, StoreError> {
    from_bytes(bytes).map_err(|unread| match unread {
        Unread::Version(_) => nonsense("the draw of a next sale in another version"),
        Unread::Damaged(Damage::Torn | Damage::Rotten) => {
            StoreError::Damaged("what Redis keeps of the next sale's draw is damaged".into())
        }
    })
}

impl OwnCopies {
    /// What this edge has on its disk; `dir` is the room's directory there.
    pub(super) async fn read(&self, room: &str, dir: PathBuf) -> Option<PreparedDraw> {
        if let Some(known) = self.lock().get(room) {
            return known.clone();
        }
        let own = on_disk(move || read(&dir)).await.flatten();
        self.lock().insert(room.to_owned(), own.clone());
        own
    }

    /// Has it on this edge's disk from now on.
    pub(super) async fn write(&self, room: &str, dir: PathBuf, next: PreparedDraw) {
        if self.lock().get(room).is_some_and(|known| known.as_ref() == Some(&next)) {
            return;
        }
        let written = next.clone();
        if on_disk(move || write(&dir, &written)).await.is_some() {
            self.lock().insert(room.to_owned(), Some(next));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Option<PreparedDraw>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works on the disk; what fails costs the room nothing but this help, and is told.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> Result<T, StoreError> + Send + 'static) -> Option<T> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| StoreError::Unavailable(error.to_string())).flatten();
    let tell = |error: &StoreError| {
        tracing::error!(%error, "the next sale's draw is not on this edge's disk: it cannot be put back from here");
    };
    done.inspect_err(tell).ok()
}
