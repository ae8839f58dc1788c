//! What the crowd as a whole knows about the room: its clock, its latest status, its history of `serving`, the draw.
//!
//! Every fan reads its own status answers. This only spares the crowd from parsing one public document thousands of
//! times and from shuffling one draw thousands of times.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fairgate_draw::{Hash, Shuffle};
use tokio::sync::OnceCell;
use tokio::time::{Duration, Instant};

use crate::judge::Cap;
use crate::wire::Status;

/// How the leak stood at one instant of the room's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Called {
    pub(crate) now_ms: u64,
    pub(crate) serving: u64,
}

/// What all fans know together.
#[derive(Debug)]
pub(crate) struct Room {
    began: Instant,
    /// The room's time when the crowd began, by the freshest answer so far.
    began_ms: AtomicU64,
    seen: Mutex<Seen>,
    places: OnceCell<Vec<u32>>,
}

#[derive(Debug)]
struct Seen {
    body: Vec<u8>,
    status: Arc<Status>,
    timeline: Vec<Called>,
    cap: Cap,
}

impl Room {
    /// Begins with a first status answer.
    ///
    /// # Errors
    /// When it is not a status.
    pub(crate) fn new(body: Vec<u8>) -> serde_json::Result<Self> {
        let status: Status = serde_json::from_slice(&body)?;
        let seen = Seen {
            body,
            timeline: vec![called(&status)],
            cap: Cap { rate_per_minute: status.rate_per_minute, burst: status.burst.unwrap_or(0) },
            status: Arc::new(status),
        };
        let began_ms = AtomicU64::new(seen.status.now_ms);
        Ok(Self { began: Instant::now(), began_ms, seen: Mutex::new(seen), places: OnceCell::new() })
    }

    /// The room's time now, Unix ms.
    pub(crate) fn now_ms(&self) -> u64 {
        self.began_ms.load(Ordering::Relaxed) + millis(self.began.elapsed())
    }

    /// When the room's clock shows `room_ms`.
    pub(crate) fn instant_of(&self, room_ms: u64) -> Instant {
        self.began + Duration::from_millis(room_ms.saturating_sub(self.began_ms.load(Ordering::Relaxed)))
    }

    /// Takes in a status answer.
    ///
    /// # Errors
    /// When it is not a status.
    pub(crate) fn learn(&self, body: Vec<u8>) -> serde_json::Result<Arc<Status>> {
        {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.body == body {
                return Ok(Arc::clone(&seen.status));
            }
        }
        let status: Arc<Status> = Arc::new(serde_json::from_slice(&body)?);
        // The answer that aged least on its way is the nearest to the room's clock.
        self.began_ms.fetch_max(status.now_ms.saturating_sub(millis(self.began.elapsed())), Ordering::Relaxed);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).add(body, Arc::clone(&status));
        Ok(status)
    }

    /// The latest status that anybody saw.
    pub(crate) fn latest(&self) -> Arc<Status> {
        Arc::clone(&self.seen.lock().unwrap_or_else(PoisonError::into_inner).status)
    }

    /// Every step of `serving` that anybody saw, in order of time, and the highest cap that was in force.
    pub(crate) fn timeline(&self) -> (Vec<Called>, Cap) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut timeline = seen.timeline.clone();
        timeline.sort_unstable_by_key(|called| (called.now_ms, called.serving));
        (timeline, seen.cap)
    }

    /// The place of a pool index, worked out from the public numbers alone; `None` for an index outside of the pool.
    pub(crate) async fn place_of(&self, index: u64, entries: u64, seed: Hash) -> Option<u64> {
        let shuffle = || async move {
            let all = tokio::task::spawn_blocking(move || Shuffle::new(&seed, entries).all_places()).await;
            all.ok().and_then(Result::ok).unwrap_or_default()
        };
        let places = self.places.get_or_init(shuffle).await;
        usize::try_from(index).ok().and_then(|index| places.get(index)).map(|place| u64::from(*place))
    }
}

impl Seen {
    fn add(&mut self, body: Vec<u8>, status: Arc<Status>) {
        self.cap.rate_per_minute = self.cap.rate_per_minute.max(status.rate_per_minute);
        self.cap.burst = self.cap.burst.max(status.burst.unwrap_or(0));
        self.timeline.push(called(&status));
        if status.now_ms >= self.status.now_ms {
            (self.body, self.status) = (body, status);
        }
    }
}

fn called(status: &Status) -> Called {
    Called { now_ms: status.now_ms, serving: status.serving }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
