//! Where searches are asked: few at a time, each with a deadline, and the same question once.
//!
//! Guarantees:
//! - at most [`THREADS`] threads search at once, whoever asks, so that a crowd of searches leaves the processors to those who buy
//! - a search that nobody waits for any more keeps its thread until it ends
//! - whoever is not answered within [`PATIENCE`] is told to ask again
//! - an answer from memory is at most [`KEPT`] old, and never older than what was taken over since

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::warn;

use super::answer::{Left, SearchAnswer};
use super::follow::{SearchMetrics, Standing};
use super::index::{IndexError, SearchIndex};
use super::question::Question;
use crate::document::{Document, Effort};
use crate::sale::on_sale::Events;

/// Threads that search at the same moment.
const THREADS: usize = 2;
/// Searches that may wait for a thread.
const WAITING_MAX: usize = 64;
/// How long a search may take, its wait for a thread included.
const PATIENCE: Duration = Duration::from_millis(400);
/// How long an answer may be kept.
const KEPT: Duration = Duration::from_secs(2);
/// How long others may keep it.
const CACHED: &str = "public, max-age=5, stale-while-revalidate=30";
/// Answers that are kept.
const KEPT_MAX: u64 = 1_000;

/// Why a search was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchRefusal {
    /// This core has no index.
    Off,
    /// Too many search at this moment, or this one took too long.
    Busy,
    /// The index failed.
    Failed,
}

/// Where searches are asked.
#[derive(Debug)]
pub struct SearchDesk(Option<Arc<Open>>);

/// An answer, and the same as it goes out.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer.
    pub answer: SearchAnswer,
    /// The answer as JSON, for everybody.
    pub document: Document,
}

impl Answered {
    fn new(answer: SearchAnswer) -> Self {
        let json = serde_json::to_vec(&answer).expect("strings and numbers");
        Self { document: Document::new("application/json", CACHED, json, Effort::Often), answer }
    }
}

/// What an answer was made of.
type Key = (u64, bool, Question);

#[derive(Debug)]
struct Open {
    index: Arc<dyn SearchIndex>,
    standing: Arc<Standing>,
    events: Arc<Events>,
    metrics: SearchMetrics,
    threads: Semaphore,
    waiting: Arc<Semaphore>,
    answers: Cache<Key, Arc<Answered>>,
}

impl SearchDesk {
    /// A desk in front of an index.
    pub(crate) fn new(
        index: Arc<dyn SearchIndex>,
        events: Arc<Events>,
        (standing, metrics): (Arc<Standing>, SearchMetrics),
    ) -> Self {
        let answers = Cache::builder().max_capacity(KEPT_MAX).time_to_live(KEPT).build();
        let (threads, waiting) = (Semaphore::new(THREADS), Arc::new(Semaphore::new(WAITING_MAX)));
        Self(Some(Arc::new(Open { index, standing, events, metrics, threads, waiting, answers })))
    }

    /// The desk of a core without an index.
    #[must_use]
    pub fn closed() -> Self {
        Self(None)
    }

    /// Answers a question.
    ///
    /// # Errors
    /// [`SearchRefusal`].
    pub async fn ask(&self, question: &Question) -> Result<Arc<Answered>, SearchRefusal> {
        let open = self.0.as_ref().ok_or(SearchRefusal::Off)?;
        if let Some(answer) = open.answers.get(&open.key(question)) {
            return Ok(answer);
        }
        let Ok(place) = Arc::clone(&open.waiting).try_acquire_owned() else {
            open.metrics.count("busy");
            return Err(SearchRefusal::Busy);
        };
        let (open, question) = (Arc::clone(open), question.clone());
        let asking = tokio::spawn(async move {
            let _place = place;
            open.search(question).await
        });
        asking.await.unwrap_or(Err(SearchRefusal::Failed))
    }
}

impl Open {
    fn key(&self, question: &Question) -> Key {
        (self.standing.generation(), self.standing.is_stale(), question.clone())
    }

    async fn search(&self, question: Question) -> Result<Arc<Answered>, SearchRefusal> {
        let began = Instant::now();
        let deadline = began + PATIENCE;
        let Ok(Ok(_thread)) = timeout(PATIENCE, self.threads.acquire()).await else {
            self.metrics.count("busy");
            return Err(SearchRefusal::Busy);
        };
        let key = self.key(&question);
        // Somebody may have asked the same meanwhile.
        if let Some(answer) = self.answers.get(&key) {
            return Ok(answer);
        }
        let found = self.index.search(&question, self.events.now().0, deadline).await;
        self.metrics.observe(began.elapsed());
        match found {
            Ok(found) => {
                self.metrics.count(if found.total > 0 { "found" } else { "nothing" });
                let answer = SearchAnswer::new(&question, found, key.1, |event_id| self.left(event_id));
                let answer = Arc::new(Answered::new(answer));
                self.answers.insert(key, Arc::clone(&answer));
                Ok(answer)
            }
            Err(IndexError::Late) => {
                self.metrics.count("late");
                Err(SearchRefusal::Busy)
            }
            Err(IndexError::Failed(error)) => {
                self.metrics.count("failed");
                warn!(error, "a search failed");
                Err(SearchRefusal::Failed)
            }
        }
    }

    /// How many seats of an event are left, if this core knows.
    fn left(&self, event_id: i32) -> Left {
        let Some(stock) = self.events.stock(event_id) else { return Left::Unknown };
        let all = stock.free + stock.held + stock.sold;
        match stock.free {
            0 => Left::None,
            free if free <= all / 10 => Left::Few,
            _ => Left::Many,
        }
    }
}
