//! A room as it stands on the disk: the newest journal, replayed through the model.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use fairgate_core::room::{Command, Outcome, Position, Refusal, Room};
use tracing::info;

use super::OpenError;
use super::claims::{self, ClaimList};
use super::frame::Change;
use super::journal::{Frame, Journal, JournalReader, path_in};
use super::roster::Roster;

/// A room together with what makes it durable.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// The room as of its last committed frame.
    pub(super) room: Room,
    /// What it is kept in; nothing before the room's first plan.
    pub(super) kept: Option<Kept>,
}

/// The files of a sale.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) journal: Journal,
    pub(super) roster: Roster,
    pub(super) claims: ClaimList,
}

/// Reads a room's directory.
pub(super) fn load(dir: &Path) -> Result<Loaded, OpenError> {
    let mut generations = numbered(dir, ".journal")?;
    check_none_is_missing(dir, generations.last().copied().unwrap_or(0))?;
    while let Some(generation) = generations.pop() {
        let path = path_in(dir, generation);
        let loaded = match JournalReader::open(path.clone())? {
            Some(reader) => replay(dir, reader)?,
            None => None,
        };
        if let Some(loaded) = loaded {
            return Ok(loaded);
        }
        // The sale before is still the present one: nobody was told of this.
        info!(path = %path.display(), "removing a journal that was torn while it was made");
        let claims = claims::path_in(dir, generation);
        fs::remove_file(&path).map_err(|source| OpenError::Io { path, source })?;
        match fs::remove_file(&claims) {
            Err(source) if source.kind() != ErrorKind::NotFound => return Err(OpenError::Io { path: claims, source }),
            _ => {}
        }
    }
    Ok(Loaded::default())
}

/// A list of claims is made after the journal of its sale: where it is the later one, the journal is gone.
fn check_none_is_missing(dir: &Path, latest: u64) -> Result<(), OpenError> {
    match numbered(dir, ".claims")?.last() {
        Some(generation) if *generation > latest => Err(OpenError::Missing { path: path_in(dir, *generation) }),
        _ => Ok(()),
    }
}

/// The sales that have a file of a kind, the latest last.
pub(super) fn numbered(dir: &Path, extension: &str) -> Result<Vec<u64>, OpenError> {
    let failed = |source| OpenError::Io { path: dir.to_owned(), source };
    let names = match fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>, _>>().map_err(failed)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let number = |name: &std::ffi::OsString| name.to_str()?.strip_suffix(extension)?.parse().ok();
    let mut generations: Vec<u64> = names.iter().filter_map(number).collect();
    generations.sort_unstable();
    Ok(generations)
}

/// Replays a journal; nothing if not even its first frame is whole.
fn replay(dir: &Path, mut reader: JournalReader) -> Result<Option<Loaded>, OpenError> {
    let header = reader.header();
    let failed = |source| OpenError::Io { path: dir.to_owned(), source };
    let mut claims = ClaimList::create(dir, header.generation).map_err(failed)?;
    let mut room = Room::after(header.revision, header.generation.saturating_sub(1));
    let mut runs = Vec::new();
    let mut frames = 0_u64;
    while let Some(frame) = reader.next()? {
        frames += 1;
        replay_frame(&mut room, &frame, |command, outcome, room, run| {
            claims.note(command, outcome, room.now_ms());
            runs.extend(run);
        });
        claims.write_if_many().map_err(failed)?;
    }
    claims.write().map_err(failed)?;
    let path = reader.path().to_owned();
    let (journal, torn_bytes) = reader.into_journal()?;
    if frames == 0 {
        return Ok(None);
    }
    if torn_bytes > 0 {
        info!(path = %path.display(), torn_bytes, "the journal ended in a torn write: cut back to the last whole commit");
    }
    info!(path = %path.display(), frames, revision = room.revision(), "read a journal");
    let mut roster = Roster::new(journal.file());
    runs.into_iter().for_each(|(entries, at)| roster.push(entries, at));
    Ok(Some(Loaded { room, kept: Some(Kept { journal, roster, claims }) }))
}

/// Entries of the pool, and where in the file they stand, if anywhere.
type Run = (u64, Option<u64>);

/// Applies what a frame has to a room; tells of each command, and of the pool's entries that came with it.
pub(super) fn replay_frame(
    room: &mut Room,
    frame: &Frame,
    mut saw: impl FnMut(&Command, &Result<Outcome, Refusal>, &Room, Option<Run>),
) {
    room.heard_until(frame.payload.heard_ms);
    for record in &frame.payload.records {
        match &record.change {
            Change::Apply(command) => {
                let pooled = room.pooled();
                let outcome = room.apply(command, frame.payload.now_ms);
                let written = pool_entries(&outcome).map(|count| (count, Some(frame.payload_at + record.entries_at)));
                let is_left_out = matches!(command, Command::Learn { .. }) && room.pooled() > pooled;
                let run = written.or_else(|| is_left_out.then(|| (room.pooled() - pooled, None)));
                saw(command, &outcome, room, run);
            }
            Change::PutBack(claims) => {
                room.put_back(claims);
            }
        }
    }
}

/// How many entries of an `Enter` that was written down went into the pool: all or none, as it has one time.
pub(super) fn pool_entries<E>(outcome: &Result<Outcome, E>) -> Option<u64> {
    match outcome {
        Ok(Outcome::Entered(positions)) if matches!(positions.first(), Some(Position::Pool(_))) => {
            Some(positions.len() as u64)
        }
        _ => None,
    }
}
