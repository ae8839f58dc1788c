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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use futures_util::future::join_all;
    use prometheus::Registry;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::db::Database;
    use crate::db::time::DatabaseTime;
    use crate::metrics::BookingMetrics;
    use crate::sale::desks::DeskLimits;
    use crate::search::{EventDocument, Found, Mark};
    use fairgate_telemetry::clock::SystemClock;
    use fairgate_telemetry::supervise::Supervisor;

    /// An index that answers when it is let.
    #[derive(Debug)]
    struct Slow {
        lets: Semaphore,
        asked: AtomicUsize,
        at_once: AtomicUsize,
        most: AtomicUsize,
    }

    #[async_trait]
    impl SearchIndex for Slow {
        async fn apply(&self, _: Vec<EventDocument>, _: Vec<i32>, _: Mark) -> Result<(), IndexError> {
            Ok(())
        }

        async fn mark(&self) -> Result<Option<Mark>, IndexError> {
            Ok(None)
        }

        async fn versions(&self) -> Result<BTreeMap<i32, i64>, IndexError> {
            Ok(BTreeMap::new())
        }

        async fn clear(&self, _: Mark) -> Result<(), IndexError> {
            Ok(())
        }

        async fn search(&self, _: &Question, _: i64, _: Instant) -> Result<Found, IndexError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.most.fetch_max(self.at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let allowed = self.lets.acquire().await;
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            allowed.map_err(|error| IndexError::Failed(error.to_string()))?.forget();
            Ok(Found::default())
        }
    }

    fn desk(lets: usize) -> (Arc<SearchDesk>, Arc<Slow>) {
        let index = Slow {
            lets: Semaphore::new(lets),
            asked: AtomicUsize::new(0),
            at_once: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        };
        let (index, registry) = (Arc::new(index), Registry::new());
        let database = Database::new("postgresql://nobody@localhost/none").expect("nobody connects");
        let metrics = Arc::new(BookingMetrics::new(&registry).expect("metrics"));
        let time = Arc::new(DatabaseTime::new(Arc::new(SystemClock)));
        let timed = (time, Supervisor::new(&registry).expect("metrics"));
        let events = Events::new(database, uuid::Uuid::nil(), metrics, timed, DeskLimits::default());
        let state = (Arc::default(), SearchMetrics::new(&registry).expect("metrics"));
        let desk = SearchDesk::new(Arc::clone(&index) as Arc<dyn SearchIndex>, Arc::new(events), state);
        (Arc::new(desk), index)
    }

    fn question(number: usize) -> Question {
        Question::read(&format!("q=word+{number}")).expect("a question")
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_of_searches_has_two_threads_and_a_short_line() {
        let (desk, index) = desk(0);
        let asks = (0..500).map(|number| {
            let desk = Arc::clone(&desk);
            async move { desk.ask(&question(number)).await.map(drop) }
        });
        // The clock goes on once all wait: those in the line are told to come again, and those inside are let then.
        let (answers, ()) = tokio::join!(join_all(asks), async {
            tokio::time::sleep(PATIENCE * 2).await;
            assert_eq!(index.at_once.load(Ordering::SeqCst), THREADS);
            index.lets.add_permits(THREADS);
        });
        let answered = answers.iter().filter(|answer| answer.is_ok()).count();
        let busy = answers.iter().filter(|answer| **answer == Err(SearchRefusal::Busy)).count();
        assert_eq!((answered, busy), (THREADS, 500 - THREADS));
        assert_eq!((index.most.load(Ordering::SeqCst), index.asked.load(Ordering::SeqCst)), (THREADS, THREADS));
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_leaves_no_thread_to_the_next_before_its_end() {
        let (desk, index) = desk(0);
        for number in 0..5 {
            let gone = timeout(Duration::from_millis(10), desk.ask(&question(number))).await;
            assert!(gone.is_err(), "it is not answered");
        }
        assert_eq!(index.at_once.load(Ordering::SeqCst), THREADS);
    }

    #[tokio::test]
    async fn the_same_question_is_asked_once() {
        let (desk, index) = desk(9);
        for _ in 0..4 {
            desk.ask(&question(1)).await.expect("an answer");
        }
        assert_eq!(index.asked.load(Ordering::SeqCst), 1);
        desk.ask(&question(2)).await.expect("an answer");
        assert_eq!(index.asked.load(Ordering::SeqCst), 2);
    }
}
