//! One depot as an edge sees it: it tells what it has, hands on what others ask for, and gets what it lacks.
//!
//! Guarantees:
//! - one piece of a file is in memory at a time, and one parcel comes at a time
//! - what has come is checked whole before it is kept; what is not what it should be is removed, and not asked for again for a
//!   while, unless the rooms of this edge change meanwhile
//! - while this edge waits for a piece, it hands on others

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fairgate_store::{Depot, PIECE_BYTES, Parcel, Store, StoreError, Wish};

use crate::edge::room::shelf::Draft;

/// A parcel of which no piece comes for so long is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// What was given up, or is not what it should be, is asked for again after so long.
const REFUSED_FOR: Duration = Duration::from_secs(600);
/// So long after somebody has asked for a piece this edge looks often.
const BUSY_FOR: Duration = Duration::from_secs(2);

/// What is exchanged in a depot. All of it may take a while, and runs off the threads that serve.
pub(super) trait Goods: Send + Sync + 'static {
    /// The depot.
    fn depot(&self) -> Depot;

    /// What this edge has.
    fn had(&self) -> io::Result<Vec<Parcel>>;

    /// True if this edge should have a parcel that it has not.
    fn lacks(&self, parcel: &Parcel) -> bool;

    /// The file of a parcel that it has.
    fn path(&self, parcel: &Parcel, file: &str) -> Option<PathBuf>;

    /// An empty folder for the files of a parcel.
    fn begin(&self) -> Result<Draft, Unfit>;

    /// Checks what has come, and keeps it.
    fn keep(&self, draft: Draft, parcel: &Parcel) -> Result<(), Unfit>;
}

/// Why a parcel is not kept.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unfit(pub(super) String);

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        Self(format!("the disk: {error}"))
    }
}

/// Why a round was cut short.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TradeError {
    /// The store is away; nothing is lost.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This edge's own files.
    #[error("the disk: {0}")]
    Disk(#[from] io::Error),
}

/// An edge's side of a depot.
pub(crate) struct Trade {
    goods: Arc<dyn Goods>,
    depot: Depot,
    store: Arc<dyn Store>,
    coming: Option<Coming>,
    refused: HashMap<String, Instant>,
    busy_until: Instant,
}

/// A parcel that is being fetched.
struct Coming {
    parcel: Parcel,
    draft: Draft,
    /// The file of it that is written, and how far.
    number: usize,
    file: Option<File>,
    from: u64,
    moved_at: Instant,
}

/// How far it has come.
enum Progress {
    Waits,
    Whole,
}

impl Trade {
    pub(super) fn new(goods: impl Goods, store: Arc<dyn Store>) -> Self {
        let depot = goods.depot();
        let goods = Arc::new(goods);
        Self { goods, depot, store, coming: None, refused: HashMap::new(), busy_until: Instant::now() }
    }

    /// One round; answers true if the next one should follow soon.
    ///
    /// # Errors
    /// The store is away, or this edge's own files cannot be read.
    pub(crate) async fn round(&mut self) -> Result<bool, TradeError> {
        let goods = Arc::clone(&self.goods);
        let had = blocking(move || goods.had()).await??;
        let told = self.store.tell_parcels(&self.depot, had.clone()).await?;
        for wish in &told.wishes {
            self.busy_until = Instant::now() + BUSY_FOR;
            if let Some(parcel) = had.iter().find(|parcel| parcel.name == wish.parcel) {
                self.hand_on(parcel, wish).await?;
            }
        }
        if self.coming.is_none() {
            self.begin(told.parcels).await?;
        }
        if let Some(mut coming) = self.coming.take() {
            match self.advance(&mut coming).await {
                Ok(Progress::Whole) => self.keep(coming).await?,
                Ok(Progress::Waits) if coming.moved_at.elapsed() > PATIENCE => {
                    self.refuse(&coming.parcel, &Unfit("no edge hands it on".to_owned()));
                }
                Ok(Progress::Waits) => self.coming = Some(coming),
                Err(Stop::Store(error)) => {
                    self.coming = Some(coming);
                    return Err(error.into());
                }
                Err(Stop::Unfit(unfit)) => self.refuse(&coming.parcel, &unfit),
            }
        }
        Ok(self.coming.is_some() || Instant::now() < self.busy_until)
    }

    /// Hands on a piece, where the file is still what this edge has told of.
    async fn hand_on(&self, parcel: &Parcel, wish: &Wish) -> Result<(), TradeError> {
        let Some(file) = parcel.files.iter().find(|file| file.name == wish.file && wish.from < file.bytes) else {
            return Ok(());
        };
        let Some(path) = self.goods.path(parcel, &file.name) else { return Ok(()) };
        let (from, to) = (wish.from, file.bytes.min(wish.from.saturating_add(PIECE_BYTES)));
        let bytes = blocking(move || read(&path, from, to)).await??;
        Ok(self.store.put_piece(&self.depot, wish, bytes).await?)
    }

    /// Begins with the latest parcel that this edge lacks.
    async fn begin(&mut self, told: Vec<Parcel>) -> Result<(), TradeError> {
        self.refused.retain(|_, until| *until > Instant::now());
        let candidates: Vec<Parcel> = told.into_iter().filter(|told| !self.refused.contains_key(&told.name)).collect();
        let goods = Arc::clone(&self.goods);
        let latest = move || candidates.into_iter().filter(|told| goods.lacks(told)).max_by_key(|told| told.at_ms);
        let Some(parcel) = blocking(latest).await? else { return Ok(()) };
        let goods = Arc::clone(&self.goods);
        match blocking(move || goods.begin()).await? {
            Ok(draft) => {
                let moved_at = Instant::now();
                self.coming = Some(Coming { parcel, draft, number: 0, file: None, from: 0, moved_at });
            }
            Err(unfit) => self.refuse(&parcel, &unfit),
        }
        Ok(())
    }

    /// Takes the pieces that are there, and asks for the next one.
    async fn advance(&self, coming: &mut Coming) -> Result<Progress, Stop> {
        while let Some(file) = coming.parcel.files.get(coming.number).cloned() {
            let mut written = match coming.file.take() {
                Some(written) => written,
                None => coming.draft.file(&file.name).map_err(Unfit::from)?,
            };
            if coming.from == file.bytes {
                blocking(move || written.sync_all()).await.map_err(Unfit::from)?.map_err(Unfit::from)?;
                (coming.number, coming.from) = (coming.number + 1, 0);
                continue;
            }
            let wish = Wish { parcel: coming.parcel.name.clone(), file: file.name.clone(), from: coming.from };
            let bytes = match self.store.take_piece(&self.depot, &wish).await {
                Ok(Some(bytes)) => bytes,
                other => {
                    coming.file = Some(written);
                    return other.map(|_| Progress::Waits).map_err(Stop::Store);
                }
            };
            let length = (file.bytes - coming.from).min(PIECE_BYTES);
            if bytes.len() as u64 != length {
                return Err(Unfit(format!("{} bytes came of {length} that were asked for", bytes.len())).into());
            }
            let write = move || written.write_all(&bytes).map(|()| written);
            coming.file = Some(blocking(write).await.map_err(Unfit::from)?.map_err(Unfit::from)?);
            (coming.from, coming.moved_at) = (coming.from + length, Instant::now());
        }
        Ok(Progress::Whole)
    }

    async fn keep(&mut self, Coming { parcel, draft, .. }: Coming) -> Result<(), TradeError> {
        let (goods, told) = (Arc::clone(&self.goods), parcel.clone());
        match blocking(move || goods.keep(draft, &told)).await? {
            Ok(()) => {
                tracing::info!(depot = ?self.depot, parcel = parcel.name, bytes = parcel.bytes(), "got from another edge")
            }
            Err(unfit) => self.refuse(&parcel, &unfit),
        }
        Ok(())
    }

    fn refuse(&mut self, parcel: &Parcel, unfit: &Unfit) {
        let depot = &self.depot;
        tracing::warn!(?depot, parcel = parcel.name, error = %unfit, "what another edge has is not taken over; trying again in ten minutes");
        self.refused.insert(parcel.name.clone(), Instant::now() + REFUSED_FOR);
    }
}

/// Why a parcel does not come further.
enum Stop {
    Store(StoreError),
    Unfit(Unfit),
}

impl From<Unfit> for Stop {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

fn read(path: &Path, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(to - from).map_err(io::Error::other)?];
    File::open(path)?.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}
