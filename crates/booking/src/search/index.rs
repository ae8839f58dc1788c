//! The seam between what feeds and asks a search index, and the engine behind it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Instant;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::document::EventDocument;
use super::question::Question;

/// Up to where an index has what the tables say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The installation whose tables these are.
    pub source: Uuid,
    /// Each edit up to this number of the change log is in the index.
    pub position: i64,
}

/// The events that answer a question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// How many there are, on all pages.
    pub total: usize,
    /// True if no event had all of the words, and these have all but one.
    pub is_relaxed: bool,
    /// Those of the page that was asked for.
    pub events: Vec<EventDocument>,
}

/// Why an index did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It was not done by the deadline.
    #[error("the answer took too long")]
    Late,
    /// The engine failed.
    #[error("the search index failed: {0}")]
    Failed(String),
}

/// A search index.
///
/// **Every implementation promises** (one suite of tests holds them to it):
/// - what [`apply`](Self::apply) was given is found once it has returned, and its mark is durable no sooner than that
/// - one document an event: the one that was given last
/// - a question ends at its deadline, give or take the time for a thousand documents
#[async_trait]
pub trait SearchIndex: Debug + Send + Sync {
    /// Takes over documents, forgets others (by the events' keys), and notes the mark, all at once.
    ///
    /// # Errors
    /// [`IndexError::Failed`]; nothing was taken over then.
    async fn apply(&self, upserts: Vec<EventDocument>, deletes: Vec<i32>, mark: Mark) -> Result<(), IndexError>;

    /// The mark that was noted last; none in an index that is new.
    ///
    /// # Errors
    /// [`IndexError::Failed`].
    async fn mark(&self) -> Result<Option<Mark>, IndexError>;

    /// Which version of each event it has, by the events' keys.
    ///
    /// # Errors
    /// [`IndexError::Failed`].
    async fn versions(&self) -> Result<BTreeMap<i32, i64>, IndexError>;

    /// Forgets everything, and notes this mark.
    ///
    /// # Errors
    /// [`IndexError::Failed`].
    async fn clear(&self, mark: Mark) -> Result<(), IndexError>;

    /// Answers a question; `now_ms` is the time by which events are over, or not published.
    ///
    /// # Errors
    /// [`IndexError`].
    async fn search(&self, question: &Question, now_ms: i64, deadline: Instant) -> Result<Found, IndexError>;
}
