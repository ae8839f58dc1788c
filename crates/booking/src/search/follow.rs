//! Keeps an index as the tables are.
//!
//! Guarantees:
//! - an edit is in the index soon after its commit: the change log says which event, the tables say how it is now
//! - at each start, and every ten minutes, all versions are compared, and what differs is read again: so nothing that was changed by
//!   hand, lost or restored stays wrong for longer
//! - an index of another database, or of a later time than the database's, is begun anew

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use prometheus::Registry;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::document::EventDocument;
use super::index::{IndexError, Mark, SearchIndex};
use crate::db::{Database, DbError};
use crate::outbox::ChangeLog;
use crate::sql;
use fairgate_telemetry::metrics;

/// Events that are read and taken over at once.
const AT_ONCE: usize = 5_000;
/// Rows of versions that are read at once.
const VERSIONS_AT_ONCE: usize = 10_000;
/// The longest that an edit may go unseen when nobody tells of it.
const POLL: Duration = Duration::from_secs(1);
/// Between two rounds, however often we are told; longer where taking over takes long, so that many edits share one commit.
const REST: Duration = Duration::from_millis(50);
const REST_MAX: Duration = Duration::from_secs(1);
/// So many times as long as it took to take over is rested: a twentieth of a processor is what a stream of edits costs.
const REST_TIMES: u32 = 20;
const SECONDS: [f64; 10] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5];
const AGAIN_AFTER: Duration = Duration::from_secs(1);

metrics! {
    /// The metrics themselves.
    struct Metrics {
        /// Events that the search index of this core took over from the tables.
        search_indexed_total: IntCounter,
        /// Events of which a comparison found that the search index had them wrong; they were read again.
        search_mended_total: IntCounter,
        /// Rounds of the search index that failed; they are tried again.
        search_failures_total: IntCounter,
        /// 1 while the search index of this core lacks events that the tables have: at a start, and while they cannot be read.
        search_stale: IntGauge,
        /// Searches by how they ended: found, nothing, late, busy, failed.
        search_questions_total: IntCounterVec["outcome"],
        /// Time that a search took which was not answered from memory.
        search_duration_seconds: Histogram {SECONDS},
    }
}

/// What the search measures of itself.
#[derive(Clone, Debug)]
pub struct SearchMetrics(Metrics);

impl SearchMetrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// When the registry has one of them already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        Metrics::new(registry).map(Self)
    }

    pub(super) fn count(&self, outcome: &str) {
        self.0.search_questions_total.with_label_values(&[outcome]).inc();
    }

    pub(super) fn observe(&self, took: Duration) {
        self.0.search_duration_seconds.observe(took.as_secs_f64());
    }
}

/// How an index stands, for those who ask it.
#[derive(Debug, Default)]
pub struct Standing {
    is_whole: AtomicBool,
    generation: AtomicU64,
}

impl Standing {
    /// True while the index may lack what the tables have.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        !self.is_whole.load(Ordering::Relaxed)
    }

    /// Counts what was taken over, so that older answers are known to be old.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }
}

/// Why an index does not follow.
#[derive(Debug, thiserror::Error)]
pub(super) enum FollowError {
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl From<tokio_postgres::Error> for FollowError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Keeps an index as the tables are.
#[derive(Debug)]
pub struct Follower {
    database: Database,
    log: ChangeLog,
    index: Arc<dyn SearchIndex>,
    edits: Arc<Notify>,
    standing: Arc<Standing>,
    metrics: SearchMetrics,
    compare_every: Duration,
    mark: Option<Mark>,
    compared_at: Option<Instant>,
    /// How long it took to take over the last documents.
    took: Duration,
}

impl Follower {
    /// One that is woken by `edits`, and compares everything once in `compare_every`.
    pub(crate) fn new(
        database: Database,
        index: Arc<dyn SearchIndex>,
        edits: Arc<Notify>,
        (standing, metrics): (Arc<Standing>, SearchMetrics),
        compare_every: Duration,
    ) -> Self {
        let (log, took) = (ChangeLog::new(database.clone()), Duration::ZERO);
        Self { database, log, index, edits, standing, metrics, compare_every, mark: None, compared_at: None, took }
    }

    /// Follows for ever.
    pub async fn run(mut self) {
        let mut fails = false;
        loop {
            match self.run_once().await {
                Ok(()) => {
                    fails = false;
                    self.stand(true);
                }
                Err(error) => {
                    self.metrics.0.search_failures_total.inc();
                    self.stand(false);
                    // Once for each time that it begins to fail.
                    if !std::mem::replace(&mut fails, true) {
                        warn!(%error, "the search index cannot follow the tables; it is tried again and again");
                    }
                    sleep(AGAIN_AFTER).await;
                }
            }
            sleep((std::mem::take(&mut self.took) * REST_TIMES).clamp(REST, REST_MAX)).await;
            let _ = timeout(POLL, self.edits.notified()).await;
        }
    }

    /// Takes over what was edited since the last round, and everything that differs where it is time to compare.
    async fn run_once(&mut self) -> Result<(), FollowError> {
        let mark = match self.mark {
            Some(mark) => mark,
            None => self.begin().await?,
        };
        let settled = self.log.settled(mark.position).await?;
        let next = Mark { position: settled.unwrap_or(mark.position), ..mark };
        if self.compared_at.is_none_or(|at| at.elapsed() >= self.compare_every) {
            self.compare(mark, next).await?;
            self.compared_at = Some(Instant::now());
        } else if let Some(settled) = settled {
            let edited = self.edited(mark.position, settled).await?;
            // What is sold meanwhile makes no edits: then there is nothing to take over, and the mark can wait.
            if !edited.is_empty() {
                self.take_over(&edited, &[], mark, next).await?;
            }
        }
        self.mark = Some(next);
        Ok(())
    }

    /// Looks whose index it is.
    async fn begin(&self) -> Result<Mark, FollowError> {
        let client = self.database.client().await?;
        let source = client.prepare_cached(sql::SEARCH_SOURCE).await?;
        let row = client.query_one(&source, &[]).await?;
        drop(client);
        let (source, last) = (row.get("installation_id"), row.get::<_, i64>("last"));
        match self.index.mark().await? {
            Some(mark) if mark.source == source && mark.position <= last => Ok(mark),
            known => {
                if known.is_some() {
                    info!("the search index knew another database, or this one at a later time: it is begun anew");
                }
                let mark = Mark { source, position: 0 };
                self.index.clear(mark).await?;
                Ok(mark)
            }
        }
    }

    /// Compares the versions of all events, and takes over what differs.
    async fn compare(&mut self, mark: Mark, next: Mark) -> Result<(), FollowError> {
        let mut known = self.index.versions().await?;
        let is_new = known.is_empty();
        let tables = self.versions().await?;
        let differs = |(event_id, version): (&i32, &i64)| (known.get(event_id) != Some(version)).then_some(*event_id);
        let wrong: Vec<i32> = tables.iter().filter_map(differs).collect();
        known.retain(|event_id, _| !tables.contains_key(event_id));
        let gone: Vec<i32> = known.into_keys().collect();
        if !is_new && self.compared_at.is_some() {
            self.metrics.0.search_mended_total.inc_by((wrong.len() + gone.len()) as u64);
        }
        if wrong.is_empty() && gone.is_empty() && mark == next {
            return Ok(());
        }
        self.take_over(&wrong, &gone, mark, next).await
    }

    /// Reads events as they are now into the index. The mark moves with the last of them.
    async fn take_over(&mut self, event_ids: &[i32], gone: &[i32], mark: Mark, next: Mark) -> Result<(), FollowError> {
        let mut rest = event_ids.chunks(AT_ONCE).peekable();
        let mut gone = gone.to_vec();
        loop {
            let chunk = rest.next().unwrap_or_default();
            let mark = if rest.peek().is_some() { mark } else { next };
            let documents = self.read(chunk).await?;
            let read: BTreeSet<i32> = documents.iter().map(|document| document.event_id).collect();
            gone.extend(chunk.iter().filter(|event_id| !read.contains(*event_id)));
            let began = Instant::now();
            self.index.apply(documents, std::mem::take(&mut gone), mark).await?;
            self.took = began.elapsed();
            self.standing.generation.fetch_add(1, Ordering::Relaxed);
            self.metrics.0.search_indexed_total.inc_by(chunk.len() as u64);
            if rest.peek().is_none() {
                return Ok(());
            }
        }
    }

    async fn read(&self, event_ids: &[i32]) -> Result<Vec<EventDocument>, FollowError> {
        if event_ids.is_empty() {
            return Ok(Vec::new());
        }
        let client = self.database.client().await?;
        let documents = client.prepare_cached(sql::SEARCH_DOCUMENTS).await?;
        let rows = client.query(&documents, &[&event_ids]).await?;
        Ok(rows.iter().map(EventDocument::read).collect())
    }

    async fn edited(&self, after: i64, up_to: i64) -> Result<Vec<i32>, FollowError> {
        let client = self.database.client().await?;
        let changed = client.prepare_cached(sql::SEARCH_CHANGED).await?;
        let rows = client.query(&changed, &[&after, &up_to]).await?;
        Ok(rows.iter().map(|row| row.get("event_id")).collect())
    }

    async fn versions(&self) -> Result<BTreeMap<i32, i64>, FollowError> {
        let mut versions = BTreeMap::new();
        loop {
            let after = versions.last_key_value().map_or(i32::MIN, |(event_id, _)| *event_id);
            let client = self.database.client().await?;
            let page = client.prepare_cached(sql::SEARCH_VERSIONS).await?;
            let rows = client.query(&page, &[&after, &(VERSIONS_AT_ONCE as i64)]).await?;
            versions.extend(rows.iter().map(|row| (row.get::<_, i32>("event_id"), row.get::<_, i64>("version"))));
            if rows.len() < VERSIONS_AT_ONCE {
                return Ok(versions);
            }
        }
    }

    fn stand(&self, is_whole: bool) {
        self.standing.is_whole.store(is_whole, Ordering::Relaxed);
        self.metrics.0.search_stale.set(i64::from(!is_whole));
    }
}
