//! A room's live numbers: gathered once a second for all who watch, as server-sent events, or for who asks.
//!
//! Guarantees:
//! - a room that nobody watches costs nothing: its feed ends within a second of its last view
//! - of one address no more than [`OF_ONE_ADDRESS_MAX`] views are open, also behind a proxy
//! - an event is at most [`EVENT_BYTES_MAX`]; whoever reads slowly gets the latest one next

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::stream;
use prometheus::IntGauge;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::door::Watcher;
use super::refusal::Refused;
use super::render::word;
use super::way::Way;
use crate::admin::edges::edges;
use crate::admin::foresee::{grouped, pace_sentence, waiting};
use crate::admin::listen::{Addresses, OF_ONE_ADDRESS_MAX};
use crate::admin::precondition::ControlsTag;
use crate::admin::problem::Problem;
use crate::admin::rooms::find;
use crate::admin::{Admin, RoomName};
use fairgate_core::room::{Phase, View};

const EVERY: Duration = Duration::from_secs(1);
/// What an event has at most; longer ones would be a mistake of ours.
pub(super) const EVENT_BYTES_MAX: usize = 1_536;

/// What a view of a room shows, as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Live {
    /// The state of what people set.
    pub(super) controls: String,
    /// One word for what goes on.
    pub(super) state: &'static str,
    /// The same for people.
    pub(super) phase: String,
    /// What limits the line, as a sentence.
    pub(super) sentence: String,
    /// People who wait.
    pub(super) waiting: String,
    /// Sessions inside, and how many may be.
    pub(super) inside: String,
    /// People who were called and are not in yet.
    pub(super) called: String,
    /// People let in so far.
    pub(super) admitted: String,
    /// People a minute, now and as it is set.
    pub(super) rate: String,
    /// How many edges keep the room.
    pub(super) edges: String,
}

impl Live {
    /// How a room stands now.
    pub(super) async fn of(admin: &Admin, room: &str) -> Result<(Self, View), Problem> {
        let view = admin.store.view(room).await?;
        let known = edges(admin, room, 0, view.now_ms).await?.known;
        Ok((Self::new(&view, known), view))
    }

    fn new(view: &View, edges: usize) -> Self {
        let state = state(view);
        let of = |now: u64, most: u64| format!("{} {} {}", grouped(now), word("live", "of"), grouped(most));
        Self {
            controls: ControlsTag::of(view).to_string(),
            state,
            phase: word("phase", state).to_owned(),
            sentence: pace_sentence(view),
            waiting: grouped(waiting(view)),
            inside: of(view.active, view.max_active),
            called: grouped(view.outstanding),
            admitted: grouped(view.admitted),
            rate: of(view.rate_per_minute.into(), view.set_per_minute().into()),
            edges: grouped(edges as u64),
        }
    }
}

/// What goes on, in one word.
pub(super) fn state(view: &View) -> &'static str {
    match view.phase {
        Phase::Serving if view.paused => "paused",
        Phase::Serving if view.is_sold_out() => "sold_out",
        Phase::Serving if view.draining => "draining",
        Phase::Idle => "idle",
        Phase::Pooling => "pooling",
        Phase::Drawing => "drawing",
        Phase::Serving => "serving",
        Phase::Ended => "ended",
    }
}

type Feed = watch::Sender<Bytes>;

/// The feeds of rooms that somebody watches.
#[derive(Debug)]
pub(super) struct Hub {
    feeds: Mutex<HashMap<String, Arc<Feed>>>,
    /// Whose views are open: behind a proxy all connections are one address's.
    viewers: Addresses,
    streams: IntGauge,
    running: IntGauge,
}

impl Hub {
    /// `streams` and `running` count open views, and rooms that are looked at.
    pub(super) fn new(streams: IntGauge, running: IntGauge) -> Self {
        Self { feeds: Mutex::default(), viewers: Addresses::default(), streams, running }
    }

    fn watch(self: &Arc<Self>, admin: &Admin, room: &RoomName) -> watch::Receiver<Bytes> {
        let mut feeds = self.lock();
        if let Some(feed) = feeds.get(&room.name) {
            return feed.subscribe();
        }
        let (feed, events) = watch::channel(Bytes::new());
        let feed = Arc::new(feed);
        feeds.insert(room.name.clone(), Arc::clone(&feed));
        self.running.inc();
        tokio::spawn(run(Arc::clone(self), admin.clone(), room.name.clone(), feed));
        events
    }

    /// Ends a feed that nobody watches; answers false where somebody does.
    fn end_if_unwatched(&self, room: &str, feed: &Feed) -> bool {
        // Whoever begins to watch does so under the same lock.
        let mut feeds = self.lock();
        let is_unwatched = feed.receiver_count() == 0;
        if is_unwatched {
            feeds.remove(room);
        }
        is_unwatched
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Feed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gathers a room's numbers for as long as anybody watches.
async fn run(hub: Arc<Hub>, admin: Admin, room: String, feed: Arc<Feed>) {
    // Whatever ends this, the next view begins another one.
    let ended = Ended { hub, room, feed };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !ended.hub.end_if_unwatched(&ended.room, &ended.feed) {
        ticks.tick().await;
        match Live::of(&admin, &ended.room).await {
            Ok((live, _)) => ended.feed.send_replace(event(&live)),
            Err(error) => {
                // Views see by themselves how old their numbers are.
                tracing::debug!(room = ended.room, %error, "no live numbers");
                continue;
            }
        };
    }
}

struct Ended {
    hub: Arc<Hub>,
    room: String,
    feed: Arc<Feed>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        let mut feeds = self.hub.lock();
        if feeds.get(&self.room).is_some_and(|feed| Arc::ptr_eq(feed, &self.feed)) {
            feeds.remove(&self.room);
        }
        self.hub.running.dec();
    }
}

fn event(live: &Live) -> Bytes {
    let json = serde_json::to_string(live).unwrap_or_default();
    let event = format!("data: {json}\n\n");
    debug_assert!(event.len() <= EVENT_BYTES_MAX, "{} bytes", event.len());
    event.into()
}

/// Counts for as long as a view is open.
struct Open(IntGauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The live numbers of a room, an event a second, for as long as the connection lasts.
pub(super) async fn stream(
    State(admin): State<Admin>,
    _: Watcher,
    Extension(way): Extension<Way>,
    Path(room): Path<String>,
) -> Result<Response, Refused> {
    let hub = Arc::clone(&admin.open_console()?.hub);
    // Who has so many asks for the numbers instead.
    let held = hub.viewers.hold(way.address, OF_ONE_ADDRESS_MAX).ok_or_else(Refused::too_many_views)?;
    let mut events = hub.watch(&admin, &find(&admin, &room)?);
    // What is known already comes first.
    events.mark_changed();
    hub.streams.inc();
    let open = (Open(hub.streams.clone()), held);
    let events = stream::unfold((events, open), |(mut events, open)| async move {
        loop {
            events.changed().await.ok()?;
            let event = events.borrow_and_update().clone();
            if !event.is_empty() {
                return Some((Ok::<_, Infallible>(event), (events, open)));
            }
        }
    });
    Ok(([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response())
}

/// The live numbers of a room, once.
pub(super) async fn now(
    State(admin): State<Admin>,
    _: Watcher,
    Path(room): Path<String>,
) -> Result<Json<Live>, Refused> {
    Ok(Json(Live::of(&admin, &find(&admin, &room)?.name).await?.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::change::testing::view;

    #[test]
    fn the_longest_event_is_short() {
        let (_, view) = view();
        let view = View {
            phase: Phase::Serving,
            line_size: u64::MAX,
            active: u64::MAX,
            max_active: u64::MAX,
            outstanding: u64::MAX,
            admitted: u64::MAX,
            control_revision: u64::MAX,
            limit: Some(fairgate_core::room::Limit::MaxActive),
            ..view
        };
        let event = event(&Live::new(&view, usize::MAX));
        assert!(event.len() < EVENT_BYTES_MAX, "{} bytes", event.len());
    }
}
