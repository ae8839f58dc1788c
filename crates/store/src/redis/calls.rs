//! Single calls of the scripts, as a room's task makes them one after another. A test with a model of what the scripts
//! do can hold the model against them.

use bytes::Bytes;
use fairgate_core::recovery::{Observation, Replica, StateVersion};
use fairgate_core::room::{Command, Entry, Outcome, Spot, View};
use fairgate_draw::v2::Tag;

use super::entries::Answered;
use super::link::Link;
use super::put_back::TierPiece;
use super::rows::{ROSTER, TAGS, TIER_ROSTER};
use super::script::Scripts;
use super::time::CallTime;
use super::transition::Room;
use super::view::Closed;
use super::{OpenError, RedisOptions, key, put_back};
use crate::StoreError;

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The state is another one than the caller knows, or older; nothing was done.
    #[error("the state is another one: put back what is known and ask again")]
    Lost,
    /// The call was refused, or nobody knows what came of it.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

/// The scripts of one room. Every call names the state that the caller knows, and the time.
pub struct Calls {
    key: String,
    edge: String,
    link: Link,
    scripts: Scripts,
}

impl Calls {
    /// Prepares the way; nothing is connected before the first call.
    ///
    /// # Errors
    /// The options cannot be used.
    pub fn open(options: &RedisOptions, room: &str) -> Result<Self, OpenError> {
        Ok(Self { key: key(room), edge: String::new(), link: Link::new(options)?, scripts: Scripts::new() })
    }

    /// From now on calls are those of the edge with this name.
    pub fn be(&mut self, edge: impl Into<String>) {
        self.edge = edge.into();
    }

    /// Applies a command.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn apply(
        &self,
        stamp: Option<&StateVersion>,
        command: &Command,
        now_ms: u64,
    ) -> Result<Outcome, CallError> {
        let mut room = self.room(stamp, now_ms);
        let answer = room.apply(command).await;
        told(&room, answer)
    }

    /// Looks how the room stands.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn look(&self, stamp: Option<&StateVersion>, now_ms: u64) -> Result<(View, Observation), CallError> {
        let mut room = self.room(stamp, now_ms);
        let answer = room.view(&mut Closed::default()).await.map(|look| (look.view, look.observation));
        told(&room, answer)
    }

    /// Puts back what an edge knows.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn restore(&self, stamp: Option<&StateVersion>, known: &Replica, now_ms: u64) -> Result<(), CallError> {
        let mut room = self.room(stamp, now_ms);
        let answer = room.restore(known).await;
        told(&room, answer)
    }

    /// Puts back entries that an edge has answered; answers whether it came too late for some. `is_under_root`: they were
    /// all in the roster when its root was made.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn refill(
        &self,
        stamp: Option<&StateVersion>,
        entries: &[(u64, Entry)],
        is_under_root: bool,
        now_ms: u64,
    ) -> Result<bool, CallError> {
        let mut room = self.room(stamp, now_ms);
        let answer = put_back::entries(&mut room, entries.iter().copied(), is_under_root).await;
        told(&room, answer)
    }

    /// The same in a room with tiers; each entry with its tag.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn refill_tiers(
        &self,
        stamp: Option<&StateVersion>,
        entries: &[(Spot, Entry, Tag)],
        is_under_root: bool,
        now_ms: u64,
    ) -> Result<bool, CallError> {
        let mut room = self.room(stamp, now_ms);
        let answered = entries.iter().map(|(at, entry, tag)| Answered { at: *at, entry: *entry, tag: *tag });
        let answer = put_back::answered(&mut room, answered, is_under_root).await;
        told(&room, answer)
    }

    /// Puts the whole frozen roster and the tags of a tier back, which have to fit into one call. `root` is that over the roots of
    /// all tiers, of which this `is_last`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn put_back_tier(
        &self,
        stamp: Option<&StateVersion>,
        root: &[u8; 32],
        (tier, entries, tags): (u8, &[Entry], &[Tag]),
        is_last: bool,
        now_ms: u64,
    ) -> Result<(), CallError> {
        let mut room = self.room(stamp, now_ms);
        let piece = TierPiece { tier, first: 0, entries: entries.as_flattened(), tags: tags.as_flattened() };
        let answer = put_back::tier_piece(&mut room, root, &piece, is_last).await;
        told(&room, answer)
    }

    /// The whole roster of a tier, and its tags.
    ///
    /// # Errors
    /// There is no room, or Redis cannot be reached.
    pub async fn tier_lists(&self, tier: u8) -> Result<(Bytes, Bytes), StoreError> {
        let roster = TIER_ROSTER.read(&self.link, &self.key, Some(tier), 0..u64::MAX).await?;
        Ok((roster, TAGS.read(&self.link, &self.key, Some(tier), 0..u64::MAX).await?))
    }

    /// Puts the end of the frozen roster back, which has to fit into one call.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn put_back(
        &self,
        stamp: Option<&StateVersion>,
        root: &[u8; 32],
        from: u64,
        entries: &[Entry],
        now_ms: u64,
    ) -> Result<(), CallError> {
        let mut room = self.room(stamp, now_ms);
        let answer = put_back::piece(&mut room, root, from, entries.as_flattened(), true).await;
        told(&room, answer)
    }

    /// The first entries of the roster.
    ///
    /// # Errors
    /// There is no room, or Redis cannot be reached.
    pub async fn roster(&self, entries: u64) -> Result<Bytes, StoreError> {
        ROSTER.read(&self.link, &self.key, None, 0..entries).await
    }

    fn room<'a>(&'a self, stamp: Option<&'a StateVersion>, now_ms: u64) -> Room<'a> {
        Room {
            key: &self.key,
            time: CallTime::Exactly(now_ms),
            scripts: &self.scripts,
            link: &self.link,
            stamp,
            edge: &self.edge,
            calls: 0,
            is_lost: false,
        }
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Calls").field("key", &self.key).finish_non_exhaustive()
    }
}

fn told<T>(room: &Room<'_>, answer: Result<T, StoreError>) -> Result<T, CallError> {
    answer.map_err(|error| if room.is_lost { CallError::Lost } else { error.into() })
}
