//! The log that the edges of a fleet share through their store, and the copy of it that each has on its own disk.
//!
//! Guarantees:
//! - what is appended stands in the store first, at a number that nobody else had, and then on this edge's disk
//! - what the store has lost is put back from this edge's disk, and is never replaced by something else

use std::sync::{Arc, Mutex, PoisonError};

use fairgate_draw::log::Batch;
use fairgate_store::{LogList, SharedRows, Store};

use super::book::{Book, BookError};

/// Rows put back at once.
const ROWS_AT_ONCE: usize = 50;

/// A log that the threads for the disk and the task of the log have in turn.
pub(super) type SharedBook = Arc<Mutex<Book>>;

/// Does something with the log where a disk may be waited for.
pub(super) async fn with<T: Send + 'static>(
    book: &SharedBook,
    work: impl FnOnce(&mut Book) -> T + Send + 'static,
) -> Result<T, BookError> {
    let book = Arc::clone(book);
    let done = tokio::task::spawn_blocking(move || work(&mut book.lock().unwrap_or_else(PoisonError::into_inner)));
    done.await.map_err(|error| BookError::Thread(error.to_string()))
}

/// Makes store and disk agree; answers if edges share a log at all.
pub(super) async fn sync(book: &SharedBook, store: &dyn Store, origin: &str) -> Result<bool, BookError> {
    with(book, Book::catch_up).await??;
    while let Some(SharedRows { count, rows }) = read_from_last(book, store, origin).await? {
        let known = with(book, |book| book.log().batches()).await?;
        if count < known {
            put_back(book, store, origin, count).await?;
        } else if take(book, rows, known).await? == 0 {
            sync_cosignatures(book, store, origin).await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Appends a batch; `false` where another edge, or another process of this one, has appended something else.
pub(super) async fn append(
    book: &SharedBook,
    store: &dyn Store,
    origin: &str,
    batch: &Batch,
) -> Result<bool, BookError> {
    if !store.is_shared() {
        let batch = batch.clone();
        return with(book, move |book| book.append(&batch)).await?;
    }
    let known = with(book, |book| book.log().batches()).await?;
    let count = store.append_log(origin, LogList::Statements, known, vec![batch.bytes().to_vec()]).await?;
    sync(book, store, origin).await?;
    let row = batch.bytes().to_vec();
    Ok(count == known + 1 && with(book, move |book| book.row(known) == Some(&row[..])).await?)
}

/// The rows from the last one on that this edge has, so that it is seen to be the same.
async fn read_from_last(book: &SharedBook, store: &dyn Store, origin: &str) -> Result<Option<SharedRows>, BookError> {
    let known = with(book, |book| book.log().batches()).await?;
    Ok(store.read_log(origin, LogList::Statements, known.saturating_sub(1)).await?)
}

/// Takes in rows that begin with the last one that is known; answers how many of them were new.
async fn take(book: &SharedBook, rows: Vec<Vec<u8>>, known: u64) -> Result<usize, BookError> {
    let overlap = usize::from(known > 0);
    with(book, move |book: &mut Book| -> Result<usize, BookError> {
        let last = known.checked_sub(1);
        if last.is_some_and(|last| rows.first().map(|row| &row[..]) != book.row(last)) {
            return Err(BookError::Diverged(known - 1));
        }
        let new: Vec<Vec<u8>> = rows.into_iter().skip(overlap).collect();
        let taken = new.len();
        for row in new {
            if !book.append(&Batch::from_bytes(row))? {
                // Another process of this edge has taken it in already.
                book.catch_up()?;
                break;
            }
        }
        Ok(taken)
    })
    .await?
}

/// Puts the end back that the store has lost; what it still has must be the beginning of this log.
async fn put_back(book: &SharedBook, store: &dyn Store, origin: &str, count: u64) -> Result<(), BookError> {
    if let Some(last) = count.checked_sub(1) {
        let there = store.read_log(origin, LogList::Statements, last).await?.unwrap_or_default();
        let is_same = with(book, move |book| there.rows.first().map(|row| &row[..]) == book.row(last)).await?;
        if !is_same {
            return Err(BookError::Diverged(last));
        }
    }
    let mut rows = with(book, move |book| book.rows_from(count)).await?;
    rows.truncate(ROWS_AT_ONCE);
    tracing::warn!(batches = rows.len(), "the store has lost statements of the draw log: putting them back");
    store.append_log(origin, LogList::Statements, count, rows).await?;
    Ok(())
}

/// Takes in what others have gathered, and gives them what this edge has.
async fn sync_cosignatures(book: &SharedBook, store: &dyn Store, origin: &str) -> Result<(), BookError> {
    loop {
        let from = with(book, |book| book.cosignatures_read).await?;
        let Some(SharedRows { count, rows }) = store.read_log(origin, LogList::Cosignatures, from).await? else {
            return Ok(());
        };
        if count < from {
            with(book, Book::share_anew).await?;
            continue;
        }
        if !rows.is_empty() {
            if take_cosignatures(book, rows).await? {
                continue;
            }
            return Ok(());
        }
        let own = with(book, |book| book.unshared()).await?;
        if own.is_empty() {
            return Ok(());
        }
        let rows = own.into_iter().take(ROWS_AT_ONCE).map(String::into_bytes).collect();
        store.append_log(origin, LogList::Cosignatures, count, rows).await?;
    }
}

/// Takes in rows; `false` where one is of a checkpoint that is still to come.
async fn take_cosignatures(book: &SharedBook, rows: Vec<Vec<u8>>) -> Result<bool, BookError> {
    with(book, move |book: &mut Book| -> Result<bool, BookError> {
        for row in rows {
            if !book.take_shared(&String::from_utf8_lossy(&row))? {
                return Ok(false);
            }
            book.cosignatures_read += 1;
        }
        Ok(true)
    })
    .await?
}
