//! A room as it stands on the disk: the newest journal, replayed through the model.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use fairgate_core::room::{Arrived, Command, Outcome, Position, Refusal, Room, Spot, Tally};
use tracing::info;

use super::OpenError;
use super::arrivals;
use super::claims::{self, ClaimList};
use super::draft::PoolEntries;
use super::frame::Change;
use super::journal::{Frame, Journal, JournalReader, path_in};
use super::roster::Rosters;

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
    pub(super) rosters: Rosters,
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
        replay_frame(&mut room, &frame, |command, outcome, room, new| {
            claims.note(command, outcome, room.now_ms());
            runs.extend(new);
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
    let mut rosters = Rosters::new(&journal.file());
    runs.into_iter().for_each(|entries| rosters.push(entries));
    Ok(Some(Loaded { room, kept: Some(Kept { journal, rosters, claims }) }))
}

/// Applies what a frame has to a room; tells of each command, and of the pool's entries that came with it.
pub(super) fn replay_frame(
    room: &mut Room,
    frame: &Frame,
    mut saw: impl FnMut(&Command, &Result<Outcome, Refusal>, &Room, Vec<PoolEntries>),
) {
    room.heard_until(frame.payload.heard_ms);
    for record in &frame.payload.records {
        match &record.change {
            Change::Apply(command) => {
                let before = Pools::of(room);
                let outcome = room.apply(command, frame.payload.now_ms);
                let at = frame.payload_at + record.entries_at;
                let mut new = pool_entries(command, &outcome, at);
                new.extend(before.left_out(command, room));
                saw(command, &outcome, room, new);
            }
            Change::PutBack(claims) => {
                room.put_back(claims);
            }
        }
    }
}

/// How many entries a room's pools have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pools {
    all: u64,
    tiers: Option<Tally>,
}

impl Pools {
    /// Those of a room.
    pub(super) fn of(room: &Room) -> Self {
        Self { all: room.pooled(), tiers: room.pooled_by_tier() }
    }

    /// What a command left out in the pools since they were like this.
    pub(super) fn left_out(self, command: &Command, room: &Room) -> Vec<PoolEntries> {
        if matches!(command, Command::Schedule(_)) && room.pooled() < self.all {
            return vec![PoolEntries::beginning()];
        }
        if !matches!(command, Command::Learn { .. } | Command::LearnTier { .. }) {
            return Vec::new();
        }
        let Self { all, tiers } = Self::of(room);
        match (tiers, self.tiers) {
            (Some(tiers), Some(before)) => (0..)
                .zip(tiers.iter().zip(before.iter()))
                .filter(|(_, (now, before))| now > before)
                .map(|(tier, (now, before))| PoolEntries::left_out(Some(tier), now - before))
                .collect(),
            _ if all > self.all => vec![PoolEntries::left_out(None, all - self.all)],
            _ => Vec::new(),
        }
    }
}

/// The entries of the pool in a command that was written down at an offset: all of it or nothing, as it has one time.
fn pool_entries<E>(command: &Command, outcome: &Result<Outcome, E>, at: u64) -> Vec<PoolEntries> {
    match (command, outcome) {
        (_, Ok(Outcome::Entered(positions))) if matches!(positions.first(), Some(Position::Pool(_))) => {
            vec![PoolEntries::plain(positions.len() as u64, at)]
        }
        (Command::Arrive(arrivals), Ok(Outcome::Arrived(arrived)))
            if matches!(arrived.first().and_then(Arrived::at), Some(Spot::Pool { .. })) =>
        {
            arrivals::runs(arrivals).iter().map(|run| PoolEntries::of_tier(run, at)).collect()
        }
        _ => Vec::new(),
    }
}
