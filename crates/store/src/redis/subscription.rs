//! What Redis publishes about rooms, for everyone who waits for it.
//!
//! Guarantee: whoever looks after having been told misses nothing, since a subscription is made first and everyone is
//! told once after it. Between subscriptions, and in a cluster, the edges' own regular looks have to do.

use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use redis::RedisResult;
use tokio::sync::Notify;

use super::Counters;
use super::link::Link;

/// All rooms' channels; see `lua/room/state.lua`.
const CHANNELS: &str = "fairgate:{*}:changes";
/// The pause before a lost subscription is made again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Who waits for which room.
#[derive(Clone, Default)]
pub(super) struct Changes {
    rooms: Arc<Mutex<HashMap<String, Arc<Notify>>>>,
}

impl Changes {
    /// Waits for the next change of a room.
    pub(super) async fn next(&self, room: &str) {
        let waiting = Arc::clone(self.lock().entry(room.to_owned()).or_insert_with(first_look));
        waiting.notified().await;
    }

    fn tell(&self, room: &str) {
        if let Some(waiting) = self.lock().get(room) {
            waiting.notify_one();
        }
    }

    fn tell_all(&self) {
        self.lock().values().for_each(|waiting| waiting.notify_one());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who has not looked yet has something to see.
fn first_look() -> Arc<Notify> {
    let waiting = Notify::new();
    waiting.notify_one();
    Arc::new(waiting)
}

/// Listens for ever, also after a panic; returns where there is nothing to listen to.
pub(super) async fn keep(link: Link, changes: Changes, counters: Arc<Counters>) {
    while AssertUnwindSafe(run(link.clone(), changes.clone())).catch_unwind().await.is_err() {
        tracing::error!("the subscription to Redis has panicked, and is made again");
        counters.restarts.fetch_add(1, Relaxed);
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

async fn run(link: Link, changes: Changes) {
    while let Err(error) = listen(&link, &changes).await {
        tracing::debug!(%error, "not subscribed to Redis; polls have to do");
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

/// One subscription, for as long as it lasts.
async fn listen(link: &Link, changes: &Changes) -> RedisResult<Option<Infallible>> {
    let Some(mut subscription) = link.listen().await? else { return Ok(None) };
    subscription.psubscribe(CHANNELS).await?;
    changes.tell_all();
    let mut messages = subscription.into_on_message();
    while let Some(message) = messages.next().await {
        if let Some(room) = room_of(message.get_channel_name()) {
            changes.tell(room);
        }
    }
    Err((redis::ErrorKind::Io, "the subscription has ended").into())
}

fn room_of(channel: &str) -> Option<&str> {
    channel.strip_prefix("fairgate:{")?.strip_suffix("}:changes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_names_its_room() {
        assert_eq!(room_of("fairgate:{final-2026}:changes"), Some("final-2026"));
        assert_eq!(room_of("fairgate:{final-2026}"), None);
    }

    #[tokio::test]
    async fn a_change_that_nobody_waited_for_is_told_to_the_next() {
        let changes = Changes::default();
        let wait = || tokio::time::timeout(Duration::from_millis(10), changes.next("arena"));
        assert!(wait().await.is_ok(), "the first look is always worth it");
        assert!(wait().await.is_err());
        changes.tell("arena");
        changes.tell("foyer");
        assert!(wait().await.is_ok());
        assert!(wait().await.is_err());
    }
}
