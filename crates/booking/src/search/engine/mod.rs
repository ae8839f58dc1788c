//! A search index by tantivy, in memory or in a directory.
//!
//! Guarantees:
//! - a directory that is empty, torn, of another layout, or of another program's making is begun anew; nothing outside the
//!   index's own folder is touched
//! - one writer as long as the index lives, and one question's worth of work outside of the caller's runtime

mod expand;
mod fields;
mod ranking;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tantivy::directory::error::LockError;
use tantivy::directory::{Directory, INDEX_WRITER_LOCK, MmapDirectory, RamDirectory};
use tantivy::indexer::IndexWriterOptions;
use tantivy::query::{AllQuery, Query};
use tantivy::schema::Value;
use tantivy::{
    Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, TantivyError, Term,
};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use self::expand::{exactly, query_of, together};
use self::fields::Fields;
use self::ranking::Ranking;
use super::document::EventDocument;
use super::index::{Found, IndexError, Mark, SearchIndex};
use super::question::{PAGE_EVENTS, Question};

/// Counts the ways in which documents were laid out. An index of another one is made anew.
const LAYOUT: u32 = 1;
/// The index's own folder in the directory that it is given.
const FOLDER: &str = "events";
/// The file that lists all others of an index.
const LIST: &str = "meta.json";
/// Documents that are gathered before they are written, in bytes.
const GATHERED_BYTES: usize = 48 << 20;

/// An index by tantivy.
#[derive(Clone)]
pub struct TantivyIndex(Arc<Inner>);

struct Inner {
    fields: Fields,
    writer: Mutex<IndexWriter>,
    reader: IndexReader,
}

impl std::fmt::Debug for TantivyIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TantivyIndex").finish_non_exhaustive()
    }
}

/// What is noted with each commit.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    layout: u32,
    mark: Mark,
}

impl From<TantivyError> for IndexError {
    fn from(error: TantivyError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<std::io::Error> for IndexError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl TantivyIndex {
    /// An index in memory: it is new at every start.
    ///
    /// # Errors
    /// [`IndexError::Failed`].
    pub fn in_memory() -> Result<Self, IndexError> {
        let fields = Fields::new();
        let index = Index::create(RamDirectory::create(), fields.schema.clone(), IndexSettings::default())?;
        Self::of(&index, fields)
    }

    /// The index of a directory, which is begun anew unless all of it is there.
    ///
    /// # Errors
    /// When the directory cannot be written, or another process has the index.
    pub fn in_directory(directory: &Path) -> Result<Self, IndexError> {
        let folder = directory.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let files = MmapDirectory::open(&folder).map_err(TantivyError::from)?;
        match files.acquire_lock(&INDEX_WRITER_LOCK) {
            Ok(lock) => drop(lock),
            Err(LockError::LockBusy) => {
                let detail = "another process has it; give each core a directory of its own";
                return Err(IndexError::Failed(format!("{}: {detail}", folder.display())));
            }
            Err(error) => return Err(IndexError::Failed(format!("{}: {error}", folder.display()))),
        }
        if folder.join(LIST).exists() {
            match Self::open(files) {
                Ok(index) => return Ok(index),
                Err(error) => warn!(folder = %folder.display(), %error, "the search index is begun anew"),
            }
        } else {
            info!(folder = %folder.display(), "a search index is begun");
        }
        fs::remove_dir_all(&folder)?;
        fs::create_dir_all(&folder)?;
        let files = MmapDirectory::open(&folder).map_err(TantivyError::from)?;
        let fields = Fields::new();
        let index = Index::create(files, fields.schema.clone(), IndexSettings::default())?;
        Self::of(&index, fields)
    }

    /// An index whose files are all there and whole.
    fn open(files: MmapDirectory) -> Result<Self, IndexError> {
        let (index, fields) = (Index::open(files)?, Fields::new());
        if index.schema() != fields.schema {
            return Err(IndexError::Failed("its fields are others".to_owned()));
        }
        let damaged = index.validate_checksum()?;
        if let Some(file) = damaged.iter().next() {
            return Err(IndexError::Failed(format!("{} is damaged", file.display())));
        }
        let this = Self::of(&index, fields)?;
        match this.0.noted()? {
            Some(noted) if noted.layout != LAYOUT => Err(IndexError::Failed("it is of another version".to_owned())),
            _ => Ok(this),
        }
    }

    fn of(index: &Index, fields: Fields) -> Result<Self, IndexError> {
        let options =
            IndexWriterOptions::builder().memory_budget_per_thread(GATHERED_BYTES).num_merge_threads(1).build();
        let writer = Mutex::new(index.writer_with_options(options)?);
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self(Arc::new(Inner { fields, writer, reader })))
    }

    /// Runs where no task waits for it.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexError> {
        let inner = Arc::clone(&self.0);
        let done = spawn_blocking(move || work(&inner)).await;
        done.unwrap_or_else(|error| Err(IndexError::Failed(error.to_string())))
    }
}

impl Inner {
    fn noted(&self) -> Result<Option<Noted>, IndexError> {
        let metas = self.reader.searcher().index().load_metas()?;
        let read = |text: String| serde_json::from_str(&text).map_err(|error| IndexError::Failed(error.to_string()));
        metas.payload.map(read).transpose()
    }

    fn apply(&self, upserts: &[EventDocument], deletes: &[i32], all: bool, mark: Mark) -> Result<(), IndexError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.write(&mut writer, upserts, deletes, all, mark);
        if done.is_err() {
            // What was given and not committed must not come with the next commit.
            writer.rollback()?;
        }
        done?;
        Ok(self.reader.reload()?)
    }

    fn write(
        &self,
        writer: &mut IndexWriter,
        upserts: &[EventDocument],
        deletes: &[i32],
        all: bool,
        mark: Mark,
    ) -> Result<(), IndexError> {
        if all {
            writer.delete_all_documents()?;
        }
        let key = |event_id: i32| Term::from_field_i64(self.fields.event_id, i64::from(event_id));
        for event_id in deletes {
            writer.delete_term(key(*event_id));
        }
        for event in upserts {
            writer.delete_term(key(event.event_id));
            writer.add_document(self.fields.document(event))?;
        }
        let noted = serde_json::to_string(&Noted { layout: LAYOUT, mark }).expect("numbers");
        let mut prepared = writer.prepare_commit()?;
        prepared.set_payload(&noted);
        prepared.commit()?;
        Ok(())
    }

    fn versions(&self) -> Result<BTreeMap<i32, i64>, IndexError> {
        let mut versions = BTreeMap::new();
        for segment in self.reader.searcher().segment_readers() {
            let fast = segment.fast_fields();
            let event_id = fast.i64("event_id")?.first_or_default_col(0);
            let version = fast.i64("version")?.first_or_default_col(0);
            for doc in segment.doc_ids_alive() {
                let event_id = i32::try_from(event_id.get_val(doc)).unwrap_or(0);
                versions.insert(event_id, version.get_val(doc));
            }
        }
        Ok(versions)
    }

    fn search(&self, question: &Question, now_ms: i64, deadline: Instant) -> Result<Found, IndexError> {
        let searcher = self.reader.searcher();
        let last = question.words.len().saturating_sub(1);
        let mut filters = Vec::new();
        filters.extend(question.city.as_deref().map(|city| exactly(self.fields.city, city)));
        filters.extend(question.category.as_deref().map(|category| exactly(self.fields.category, category)));
        let words = question.words.iter().enumerate();
        let words = words.map(|(n, word)| query_of(&searcher, &self.fields, word, n == last, deadline));
        let mut words = words.collect::<Result<Vec<_>, _>>()?;
        let again = if words.len() > 1 { copies(&words) } else { Vec::new() };
        if words.is_empty() {
            words.push(Box::new(AllQuery));
        }
        let filters_again = copies(&filters);
        let found = self.rank(&searcher, &together(words, filters, false), question, now_ms, deadline)?;
        if found.total > 0 || again.is_empty() {
            return Ok(found);
        }
        let found = self.rank(&searcher, &together(again, filters_again, true), question, now_ms, deadline)?;
        Ok(Found { is_relaxed: found.total > 0, ..found })
    }

    fn rank(
        &self,
        searcher: &Searcher,
        query: &dyn Query,
        question: &Question,
        now_ms: i64,
        deadline: Instant,
    ) -> Result<Found, IndexError> {
        let wanted = question.page.max(1) * PAGE_EVENTS;
        let ranking = Ranking { question, now_ms, deadline, wanted, is_late: AtomicBool::new(false) };
        let (total, ranked) = searcher
            .search(query, &ranking)
            .map_err(|error| if ranking.is_late.load(Ordering::Relaxed) { IndexError::Late } else { error.into() })?;
        let page = ranked.iter().skip(wanted - PAGE_EVENTS);
        let read = |address| -> Result<EventDocument, IndexError> {
            let document: TantivyDocument = searcher.doc(address)?;
            let body = document.get_first(self.fields.body).and_then(|body| body.as_bytes()).unwrap_or_default();
            serde_json::from_slice(body).map_err(|error| IndexError::Failed(error.to_string()))
        };
        let events = page.map(|ranked| read(ranked.address)).collect::<Result<_, _>>()?;
        Ok(Found { total, is_relaxed: false, events })
    }
}

fn copies(queries: &[Box<dyn Query>]) -> Vec<Box<dyn Query>> {
    queries.iter().map(|query| query.box_clone()).collect()
}

#[async_trait]
impl SearchIndex for TantivyIndex {
    async fn apply(&self, upserts: Vec<EventDocument>, deletes: Vec<i32>, mark: Mark) -> Result<(), IndexError> {
        self.run(move |inner| inner.apply(&upserts, &deletes, false, mark)).await
    }

    async fn mark(&self) -> Result<Option<Mark>, IndexError> {
        self.run(|inner| Ok(inner.noted()?.map(|noted| noted.mark))).await
    }

    async fn versions(&self) -> Result<BTreeMap<i32, i64>, IndexError> {
        self.run(Inner::versions).await
    }

    async fn clear(&self, mark: Mark) -> Result<(), IndexError> {
        self.run(move |inner| inner.apply(&[], &[], true, mark)).await
    }

    async fn search(&self, question: &Question, now_ms: i64, deadline: Instant) -> Result<Found, IndexError> {
        let question = question.clone();
        self.run(move |inner| inner.search(&question, now_ms, deadline)).await
    }
}
