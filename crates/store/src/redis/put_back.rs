//! Entries that go back into the roster: from the copy of it where this edge has one, and otherwise those that it answered.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use fairgate_core::room::{Entry, Frozen};
use fairgate_draw::Hash;

use super::entries::{self, Answered};
use super::rows::ROSTER;
use super::script::{nonsense, number};
use super::transition::Room;
use crate::{StoreError, copy};

/// The most entries that one script takes one by one: Redis serves nobody else while it runs.
const ENTRIES_A_SCRIPT: usize = 250;
/// Entries that are read from the disk at once, to be put back one by one.
const ENTRIES_A_READ: usize = 10_000;
/// Entries that are put back in one piece: half a megabyte, all that stands in one key.
const ENTRIES_A_PIECE: u64 = ROSTER.rows_a_chunk;

/// Puts back the entries that this edge has answered; answers whether it came too late for some. `is_under_root`: they
/// were all in the roster when its root was made.
pub(super) async fn entries(
    room: &mut Room<'_>,
    mut entries: impl Iterator<Item = (u64, Entry)>,
    is_under_root: bool,
) -> Result<bool, StoreError> {
    let (mut known, mut written, mut too_late) = (0, 0, false);
    loop {
        let part: Vec<(u64, Entry)> = entries.by_ref().take(ENTRIES_A_READ).collect();
        if part.is_empty() {
            break;
        }
        for part in part.chunks(ENTRIES_A_SCRIPT) {
            let (here, late) = some_entries(room, part, is_under_root).await?;
            (known, written, too_late) = (known + part.len() as u64, written + here, too_late || late);
        }
    }
    tracing::warn!(key = room.key, known, written, too_late, "entries were put back into the roster");
    Ok(too_late)
}

/// Puts back the entries of a room with tiers that this edge has answered; answers whether it came too late for some.
pub(super) async fn answered(
    room: &mut Room<'_>,
    mut answered: impl Iterator<Item = Answered>,
    is_under_root: bool,
) -> Result<bool, StoreError> {
    let (mut known, mut written, mut too_late) = (0, 0, false);
    loop {
        let part: Vec<Answered> = answered.by_ref().take(ENTRIES_A_SCRIPT).collect();
        if part.is_empty() {
            break;
        }
        let mut call = room.call(&room.scripts.refill_tiers);
        call.arg(u8::from(is_under_root)).arg(entries::records_of(&part));
        let reply = room.run(&call).await?;
        let [here, late] = reply.values.as_slice() else { return Err(nonsense("a reply that is not two numbers")) };
        (known, written) = (known + part.len() as u64, written + number(here)?);
        too_late |= number(late)? == 1;
    }
    tracing::warn!(key = room.key, known, written, too_late, "entries were put back into the rosters of the tiers");
    Ok(too_late)
}

/// Answers how many were missing, and whether they were not taken, since the root was made without them.
async fn some_entries(
    room: &mut Room<'_>,
    entries: &[(u64, Entry)],
    is_under_root: bool,
) -> Result<(u64, bool), StoreError> {
    let mut call = room.call(&room.scripts.refill);
    call.arg(u8::from(is_under_root));
    for (index, entry) in entries {
        call.arg(*index).arg(&entry[..]);
    }
    match room.run(&call).await?.values.as_slice() {
        [written, too_late] => Ok((number(written)?, number(too_late)? == 1)),
        _ => Err(nonsense("a reply that is not two numbers")),
    }
}

/// Puts the frozen roster back from an index on, from the copy of it in this directory; answers whether there is one.
pub(super) async fn roster(room: &mut Room<'_>, dir: &Path, frozen: &Frozen, from: u64) -> Result<bool, StoreError> {
    let (path, root) = (dir.to_owned(), frozen.root);
    let opened = tokio::task::spawn_blocking(move || copy::open(&path, &root)).await;
    let (mut file, first_at) = match opened.map_err(io::Error::other).flatten() {
        Ok(file) => file,
        Err(error) => {
            tracing::error!(key = room.key, %error, "the copy of the roster cannot be used");
            return Ok(false);
        }
    };
    let mut at = from - from % ENTRIES_A_PIECE;
    file.seek(SeekFrom::Start(first_at + at * size_of::<Entry>() as u64)).map_err(unreadable)?;
    while at < frozen.entries {
        let end = frozen.entries.min(at + ENTRIES_A_PIECE);
        let entries = read(&mut file, end - at)?;
        piece(room, &frozen.root, at, &entries, end == frozen.entries).await?;
        at = end;
    }
    tracing::warn!(key = room.key, from, entries = frozen.entries, "the frozen roster was put back from its copy");
    Ok(true)
}

fn read(file: &mut File, entries: u64) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![0; usize::try_from(entries).unwrap_or(0) * size_of::<Entry>()];
    match copy::read_full(file, &mut bytes).map_err(unreadable)? {
        read if read == bytes.len() => Ok(bytes),
        _ => Err(unreadable(io::ErrorKind::UnexpectedEof.into())),
    }
}

/// Puts back entries that stand in one key, from an index on.
pub(super) async fn piece(
    room: &mut Room<'_>,
    root: &Hash,
    index: u64,
    entries: &[u8],
    is_last: bool,
) -> Result<(), StoreError> {
    let mut call = room.call(&room.scripts.put_back);
    call.arg(&root[..]).arg(index).arg(entries).arg(u8::from(is_last));
    room.run(&call).await.map(drop)
}

fn unreadable(error: io::Error) -> StoreError {
    StoreError::Unavailable(format!("the copy of the roster cannot be read: {error}"))
}
