//! What a room's numbers were: a sample a second for six hours, and one in ten seconds for fourteen days.
//!
//! Guarantees:
//! - a room's file has [`FILE_BYTES`] at most; what is older is written over
//! - a slot is whole or it is a gap: no damage makes a reader fail, or shows a number that was not written
//! - nobody waits for the disk: the system writes samples when it likes, and a loss of power costs the last of them
//!
//! ```text
//! head      16 bytes as in every file of a store, and zeros up to 4,096
//! fine      21,600 slots, a second each: that of a second is its number modulo 21,600
//! coarse    120,960 slots of ten seconds each, likewise
//! slot      second u32 | 30 numbers u32, all bits set where one is not known | crc u32 of what stands before it
//! ```
//!
//! Numbers are little-endian. A slot lies within a sector of the disk. Parts that were never written take no room there.

mod file;
mod series;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

pub use file::{FILE_BYTES, History};
pub(crate) use file::{Unread, files_in, look};
pub use series::{SERIES, Sample, Series};

/// For how long there is a sample for each second, s.
pub const FINE_S: u32 = 6 * 60 * 60;
/// For how long there is a sample for each ten seconds, s.
pub const COARSE_S: u32 = 14 * 24 * 60 * 60;
/// How long a coarse sample is, s.
pub const COARSE_STEP_S: u32 = 10;

/// Histories that are read at once.
const READERS: usize = 2;

/// The histories of an edge's rooms, each opened when it is asked for first.
#[derive(Debug)]
pub struct Histories {
    store: PathBuf,
    open: Mutex<HashMap<String, Option<Arc<History>>>>,
    readers: Semaphore,
}

impl Histories {
    /// Those below a store's directory.
    #[must_use]
    pub fn new(store: &Path) -> Self {
        Self { store: store.to_owned(), open: Mutex::default(), readers: Semaphore::new(READERS) }
    }

    /// The history of a room; none where its file cannot be opened, which the log tells once.
    pub fn of(&self, room: &str) -> Option<Arc<History>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(history) = open.get(room) {
            return history.clone();
        }
        let history = History::open(&self.store, room).map(Arc::new);
        if let Err(error) = &history {
            tracing::warn!(room, %error, "the room's history cannot be opened: charts stay empty until the edge starts again");
        }
        open.entry(room.to_owned()).or_insert(history.ok()).clone()
    }

    /// Reads the samples of a room in `from_s..until_s`, one for each step that has any, off this thread.
    ///
    /// # Errors
    /// The file cannot be opened or read.
    pub async fn read(self: &Arc<Self>, room: &str, span: Span) -> io::Result<Vec<Sample>> {
        let _reader = self.readers.acquire().await.map_err(io::Error::other)?;
        let (histories, room) = (Arc::clone(self), room.to_owned());
        let read = move || match histories.of(&room) {
            Some(history) => history.read(span),
            None => Err(io::Error::other("its file cannot be opened; see the log of the edge")),
        };
        tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
    }
}

/// A stretch of time, and how finely it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first second, Unix time.
    pub from_s: u32,
    /// The second after the last one.
    pub until_s: u32,
    /// Seconds that make one sample; from ten on, a multiple of ten.
    pub step_s: u32,
}

impl Span {
    /// A stretch that ends with `until_s`, in no more than `most` steps that are kept so finely at the time `now_s`.
    #[must_use]
    pub fn fitting(from_s: u32, until_s: u32, step_s: u32, most: u32, now_s: u32) -> Self {
        let until_s = until_s.max(from_s.saturating_add(1));
        let from_s = from_s.max(until_s.saturating_sub(COARSE_S));
        let least = (until_s - from_s).div_ceil(most.max(1)).max(step_s).max(1);
        let is_old = from_s.saturating_add(FINE_S) < now_s;
        let step_s = if is_old || least > COARSE_STEP_S / 2 {
            least.max(COARSE_STEP_S).next_multiple_of(COARSE_STEP_S)
        } else {
            least
        };
        // Steps begin at multiples of themselves, so that two answers have the same ones.
        Self { from_s: from_s - from_s % step_s, until_s, step_s }
    }

    /// How many steps it has.
    #[must_use]
    pub fn steps(&self) -> u32 {
        (self.until_s - self.from_s).div_ceil(self.step_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_as_fine_as_is_kept_and_no_longer_than_is_wished() {
        let now = 1_790_000_000;
        let span = |ago_s: u32, step_s| Span::fitting(now - ago_s, now, step_s, 600, now);
        assert_eq!((span(600, 1).step_s, span(600, 1).steps()), (1, 600));
        assert_eq!(span(601, 1).step_s, 2);
        assert_eq!(span(3_600, 1).step_s, 10, "a step of seconds that are no part of ten is made ten");
        assert_eq!(span(6 * 3_600, 1).step_s, 40);
        assert_eq!(Span::fitting(now - 7 * 3_600, now - 7 * 3_600 + 60, 1, 600, now).step_s, 10, "kept no finer");
        let all = Span::fitting(0, now, 1, 600, now);
        assert!(all.steps() <= 601 && all.from_s >= now - COARSE_S - all.step_s, "{all:?}");
        assert_eq!(Span::fitting(now, now - 5, 0, 600, now).steps(), 1, "a span that ends before it begins");
    }

    #[tokio::test]
    async fn histories_are_read_by_name_and_a_name_that_is_no_rooms_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let histories = Arc::new(Histories::new(dir.path()));
        let mut sample = Sample::new(1_790_000_000);
        sample.set(Series::Waiting, 7);
        histories.of("final").unwrap().note(&sample).unwrap();
        let span = Span { from_s: 1_789_999_990, until_s: 1_790_000_010, step_s: 1 };
        assert_eq!(histories.read("final", span).await.unwrap(), [sample]);
        assert!(histories.read("../etc", span).await.is_err());
    }
}
