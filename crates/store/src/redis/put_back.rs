//! Entries that go back into the roster: from the copy of it where this edge has one, and otherwise those that it answered.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use fairgate_core::room::{Entry, Frozen};
use fairgate_draw::v2::FrozenTier;
use fairgate_draw::{Hash, ZERO};

use super::entries::{self, Answered};
use super::rows::{ROSTER, TIER_ROSTER};
use super::script::{nonsense, number};
use super::transition::Room;
use crate::{CopiedList, StoreError, copy};

/// The most entries that one script takes one by one: Redis serves nobody else while it runs.
const ENTRIES_A_SCRIPT: usize = 250;
/// Entries that are read from the disk at once, to be put back one by one.
const ENTRIES_A_READ: usize = 10_000;
/// Entries that are put back in one piece: half a megabyte, all that stands in one key.
const ENTRIES_A_PIECE: u64 = ROSTER.rows_a_chunk;
/// The same in a room with tiers, where each identity costs a look at the index; a key has a whole number of pieces.
const TIER_ENTRIES_A_PIECE: u64 = TIER_ROSTER.rows_a_chunk / 16;

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
    let opened = tokio::task::spawn_blocking(move || copy::open(&path, CopiedList::Roster, &root)).await;
    let Some((mut file, first_at)) = usable(room, opened.map_err(io::Error::other).flatten()) else {
        return Ok(false);
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

/// The copies of one tier's lists, each at its first row.
struct TierFiles {
    roster: File,
    /// None where the room asks for no identity.
    tags: Option<File>,
}

impl TierFiles {
    fn open(dir: &Path, tier: &FrozenTier) -> io::Result<Self> {
        let open = |list, root| -> io::Result<File> {
            let (mut file, first_at) = copy::open(dir, list, root)?;
            file.seek(SeekFrom::Start(first_at))?;
            Ok(file)
        };
        let tags = (tier.tags_root != ZERO).then(|| open(CopiedList::Tags, &tier.tags_root)).transpose()?;
        Ok(Self { roster: open(CopiedList::Roster, &tier.root)?, tags })
    }
}

/// Puts the frozen rosters and tags of all tiers back from the copies in this directory; answers whether there are any. `root` is
/// that over the roots of all tiers.
pub(super) async fn tier_rosters(
    room: &mut Room<'_>,
    dir: &Path,
    root: &Hash,
    tiers: &[FrozenTier],
) -> Result<bool, StoreError> {
    let (path, frozen) = (dir.to_owned(), tiers.to_vec());
    let open = move || -> io::Result<Vec<Option<TierFiles>>> {
        let of = |tier: &FrozenTier| (tier.entries > 0).then(|| TierFiles::open(&path, tier)).transpose();
        frozen.iter().map(of).collect()
    };
    let opened = tokio::task::spawn_blocking(open).await.map_err(io::Error::other).flatten();
    let Some(files) = usable(room, opened) else { return Ok(false) };
    let mut left: u64 = tiers.iter().map(|tier| tier.entries).sum();
    for (number, (tier, files)) in (0_u8..).zip(tiers.iter().zip(files)) {
        let Some(TierFiles { mut roster, mut tags }) = files else { continue };
        let mut at = 0;
        while at < tier.entries {
            let end = tier.entries.min(at + TIER_ENTRIES_A_PIECE);
            let entries = read(&mut roster, end - at)?;
            let tags = tags.as_mut().map(|tags| read_rows(tags, end - at, CopiedList::Tags.row_bytes())).transpose()?;
            left -= end - at;
            let piece =
                TierPiece { tier: number, first: at, entries: &entries, tags: tags.as_deref().unwrap_or_default() };
            tier_piece(room, root, &piece, left == 0).await?;
            at = end;
        }
    }
    tracing::warn!(key = room.key, "the frozen rosters of all tiers were put back from their copies");
    Ok(true)
}

/// Entries of a tier's frozen roster that stand in one key.
pub(super) struct TierPiece<'a> {
    pub(super) tier: u8,
    /// The index of the first.
    pub(super) first: u64,
    pub(super) entries: &'a [u8],
    /// Nothing where the room asks for no identity.
    pub(super) tags: &'a [u8],
}

/// Puts back a piece; `is_last`: of all tiers. `root` is that over the roots of all tiers.
pub(super) async fn tier_piece(
    room: &mut Room<'_>,
    root: &Hash,
    piece: &TierPiece<'_>,
    is_last: bool,
) -> Result<(), StoreError> {
    let mut call = room.call(&room.scripts.put_back_tiers);
    call.arg(&root[..]).arg(piece.tier).arg(piece.first).arg(piece.entries).arg(piece.tags).arg(u8::from(is_last));
    room.run(&call).await.map(drop)
}

/// What was opened, unless it cannot be used.
fn usable<T>(room: &Room<'_>, opened: io::Result<T>) -> Option<T> {
    let tell = |error: &io::Error| tracing::error!(key = room.key, %error, "the copy of the roster cannot be used");
    opened.inspect_err(tell).ok()
}

fn read(file: &mut File, entries: u64) -> Result<Vec<u8>, StoreError> {
    read_rows(file, entries, size_of::<Entry>())
}

fn read_rows(file: &mut File, rows: u64, row_bytes: usize) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![0; usize::try_from(rows).unwrap_or(0) * row_bytes];
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
