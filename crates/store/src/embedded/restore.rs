//! A backup becomes the store again, though the numbers that were given after it was made are not in it.
//!
//! Guarantees:
//! - neither the backup nor what is left of the lost store is changed
//! - behind the last number of the backup so many are left out that none is given twice
//! - places of which the lost store's list of claims says that they were admitted are not admitted again, and their
//!   sessions go on
//! - what the next sale's draw is committed to stands, unless its pool has opened since: then its secret may be public
//!
//! A room whose pool has closed since is not restored without being told to: its late comers have places that the draw
//! would give away.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fairgate_core::room::{Claims, Command, GAP, Outcome, Phase, PreparedDraw, Room, Session};
use fairgate_draw::{CLAIM_BYTES, Claim, v2};

use super::frame::FrameBuilder;
use super::journal::JournalReader;
use super::load::{Kept, load, numbered, replay_frame};
use super::{OpenError, claims, create_dir, journal, rooms_in};
use crate::{DirLock, LockError, next_draw};

/// How many numbers are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Twice as many as would have been given at the highest pace that the backup knows.
    Guess,
    /// So many numbers are left out.
    Of(u64),
}

/// Why a backup cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup itself is not whole, or something cannot be written.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The directory to restore into is in use.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The directory to restore into has rooms already.
    #[error("{} has rooms already: move it away first, and keep it; --lost takes what is left of it", dir.display())]
    NotEmpty {
        /// The directory that has rooms.
        dir: PathBuf,
    },
    /// The backup has no journals.
    #[error("{} has no room with a journal: is it the backup of an embedded store?", dir.display())]
    NoRooms {
        /// The directory of the backup.
        dir: PathBuf,
    },
    /// Nobody can know how many came.
    #[error(
        "the backup of {room} is from before anybody came, so nobody can tell how many have come since: say it with --gap \
         (more than there ever were: metrics, access logs and tickets know)"
    )]
    NoPace {
        /// The room.
        room: String,
    },
    /// The pool was open in the backup, and has closed since.
    #[error(
        "the pool of {room} was open when the backup was made, and has closed since: who came after that has a place which \
         the draw of the restored room may give to somebody else, and a root that was published stands no more. Use a later \
         backup, or begin another sale; --across-start restores it all the same"
    )]
    AcrossStart {
        /// The room.
        room: String,
    },
}

/// What was done for a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The room.
    pub room: String,
    /// How old the backup is, ms.
    pub age_ms: u64,
    /// Numbers below were given according to the backup.
    pub known: u64,
    /// How many were left out behind them; none where the sale has not begun, or has ended.
    pub left_out: u64,
    /// Places that the lost store's list of claims knew to have been admitted, and the backup did not.
    pub admitted: u64,
}

/// Where from, and how.
#[derive(Clone, Debug)]
pub struct Restore<'p> {
    /// The backup.
    pub backup: &'p Path,
    /// The directory to restore into: not there, or without rooms.
    pub into: &'p Path,
    /// What is left of the store that was lost, if anything.
    pub lost: Option<&'p Path>,
    /// How many numbers to leave out.
    pub gap: Gap,
    /// True to restore a room whose pool has closed since the backup.
    pub across_start: bool,
    /// The time, Unix ms.
    pub now_ms: u64,
}

/// Restores every room of a backup.
///
/// # Errors
/// See [`RestoreError`]. What was written so far is in the directory that was restored into.
pub fn restore(plan: &Restore<'_>) -> Result<Vec<Restored>, RestoreError> {
    let is_free = !plan.into.exists() || rooms_in(plan.into)?.is_empty();
    if !is_free {
        return Err(RestoreError::NotEmpty { dir: plan.into.to_owned() });
    }
    let mut rooms = rooms_in(plan.backup)?;
    rooms.retain(|room| numbered(&plan.backup.join(room), ".journal").is_ok_and(|journals| !journals.is_empty()));
    rooms.sort_unstable();
    if rooms.is_empty() {
        return Err(RestoreError::NoRooms { dir: plan.backup.to_owned() });
    }
    let backups = rooms.iter().map(|room| Backup::read(plan, room)).collect::<Result<Vec<_>, _>>()?;
    let _lock = DirLock::take(plan.into)?;
    backups.iter().map(|backup| backup.restore(plan)).collect()
}

/// A room of the backup.
struct Backup {
    name: String,
    room: Room,
    left_out: u64,
    put_back: Claims,
}

impl Backup {
    /// Reads a room and decides what it lacks; writes nothing.
    fn read(plan: &Restore<'_>, name: &str) -> Result<Self, RestoreError> {
        let dir = plan.backup.join(name);
        let (room, pace) = replay(&dir)?;
        let Some(now) = room_at(&room, plan.now_ms) else {
            return Ok(Self { name: name.to_owned(), room, left_out: 0, put_back: Claims::default() });
        };
        let before = room.view().map(|view| view.phase);
        let is_across = before == Some(Phase::Pooling) && now != Phase::Pooling;
        if is_across && !plan.across_start {
            return Err(RestoreError::AcrossStart { room: name.to_owned() });
        }
        let is_over = matches!(now, Phase::Idle | Phase::Ended);
        let left_out = if is_over { 0 } else { gap(plan, name, &room, pace)? };
        let put_back = match plan.lost {
            Some(lost) if !is_over => admitted_since(&lost.join(name), &room, plan.now_ms)?,
            _ => Claims::default(),
        };
        Ok(Self { name: name.to_owned(), room, left_out, put_back })
    }

    fn restore(&self, plan: &Restore<'_>) -> Result<Restored, RestoreError> {
        let (from, into) = (plan.backup.join(&self.name), plan.into.join(&self.name));
        copy_journals(&from, &into).map_err(|source| OpenError::Io { path: into.clone(), source })?;
        let loaded = load(&into)?;
        let admitted = self.put_back.sessions.len() as u64;
        let known = self.room.entered();
        if let Some(Kept { mut journal, .. }) = loaded.kept.filter(|_| self.left_out > 0 || admitted > 0) {
            let now_ms = self.room.now_ms();
            let mut frame = FrameBuilder::new(now_ms, now_ms);
            if self.left_out > 0 {
                frame.push_command(&Command::Learn { end: known + 1, left_out: self.left_out - 1 });
            }
            if admitted > 0 {
                frame.push_claims(&self.put_back);
            }
            journal.append(&frame.finish()).map_err(|source| OpenError::Io { path: into.clone(), source })?;
        }
        self.restore_next(plan).map_err(|source| OpenError::Io { path: into, source })?;
        let age_ms = plan.now_ms.saturating_sub(self.room.now_ms());
        Ok(Restored { room: self.name.clone(), age_ms, known, left_out: self.left_out, admitted })
    }
}

impl Backup {
    /// Takes over the draw of the next sale that is still to come; the lost store may know a later one.
    fn restore_next(&self, plan: &Restore<'_>) -> io::Result<()> {
        let kept = |dir: &Path| next_draw::look(&dir.join(&self.name).join(next_draw::NAME)).ok()?.ok();
        let is_to_come = |next: &PreparedDraw| next.announced().is_some_and(|next| next.opens_at_ms > plan.now_ms);
        let mut prepared = plan.lost.into_iter().chain([plan.backup]).filter_map(kept);
        let Some(next) = prepared.find(is_to_come) else { return Ok(()) };
        next_draw::write(&plan.into.join(&self.name), &next).map_err(io::Error::other)
    }
}

/// The phase of a room at a time; none where it is not scheduled.
fn room_at(room: &Room, now_ms: u64) -> Option<Phase> {
    let mut room = room.clone();
    drop(room.apply(&Command::Tick, now_ms));
    room.view().map(|view| view.phase)
}

/// The present sale of a room, and the most who came in one second of it.
fn replay(dir: &Path) -> Result<(Room, u64), RestoreError> {
    for generation in numbered(dir, ".journal")?.into_iter().rev() {
        let Some(mut reader) = JournalReader::open_read_only(journal::path_in(dir, generation))? else { continue };
        let header = reader.header();
        let mut room = Room::after(header.revision, header.generation.saturating_sub(1));
        let (mut pace, mut second, mut came, mut frames) = (0, 0, 0, 0_u64);
        while let Some(frame) = reader.next()? {
            frames += 1;
            replay_frame(&mut room, &frame, |_, outcome, room, _| {
                let entered = match outcome {
                    Ok(Outcome::Entered(positions)) => positions.len() as u64,
                    Ok(Outcome::Arrived(arrived)) => arrived.len() as u64,
                    _ => 0,
                };
                if entered > 0 {
                    came = if room.now_ms() / 1_000 == second { came } else { 0 } + entered;
                    (second, pace) = (room.now_ms() / 1_000, pace.max(came));
                }
            });
        }
        reader.torn_bytes()?;
        if frames > 0 {
            return Ok((room, pace));
        }
    }
    Ok((Room::default(), 0))
}

/// How many numbers to leave out: never fewer than after any other loss.
fn gap(plan: &Restore<'_>, name: &str, room: &Room, pace: u64) -> Result<u64, RestoreError> {
    let seconds = plan.now_ms.saturating_sub(room.now_ms()) / 1_000 + 1;
    match plan.gap {
        Gap::Of(gap) => Ok(gap.max(GAP)),
        Gap::Guess if pace == 0 => Err(RestoreError::NoPace { room: name.to_owned() }),
        Gap::Guess => Ok((2 * pace * seconds).next_multiple_of(1_000).max(GAP)),
    }
}

/// The places that the lost store's list of claims has beyond the backup's, with their sessions as far as they last.
fn admitted_since(lost: &Path, room: &Room, now_ms: u64) -> Result<Claims, RestoreError> {
    let path = claims::path_in(lost, room.generation());
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Claims::default()),
        read => read.map_err(|source| OpenError::Io { path, source })?,
    };
    let Some((memory, view)) = room.memory().zip(room.view()) else { return Ok(Claims::default()) };
    let policy = &memory.settings.policy;
    let mut since = Claims::default();
    for (place, admitted_at_ms) in admissions(&bytes, memory.plan.rules.is_some()) {
        if admitted_at_ms <= view.now_ms {
            continue;
        }
        let hard_end_at_ms = admitted_at_ms.saturating_add(policy.session_max_ms);
        let expires_at_ms = now_ms.saturating_add(policy.session_idle_ms).min(hard_end_at_ms);
        since.gone.insert(place);
        since.sessions.insert(place, Session { admitted_at_ms, expires_at_ms, hard_end_at_ms });
    }
    Ok(since)
}

/// The places of a list of claims, each with its time of admission.
fn admissions(list: &[u8], has_tiers: bool) -> Vec<(u64, u64)> {
    if has_tiers {
        let claims = list.as_chunks().0.iter().map(v2::Claim::from_bytes);
        return claims.map(|claim| (claim.place, claim.admitted_at_ms)).collect();
    }
    let claims = list.as_chunks::<CLAIM_BYTES>().0.iter().map(Claim::from_bytes);
    claims.map(|claim| (claim.place, claim.admitted_at_ms)).collect()
}

fn copy_journals(from: &Path, into: &Path) -> io::Result<()> {
    create_dir(into)?;
    for file in fs::read_dir(from)? {
        let path = file?.path();
        let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|of| of == "journal")) else {
            continue;
        };
        let copy = into.join(name);
        fs::copy(&path, &copy)?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600))?;
        fs::File::open(&copy)?.sync_all()?;
    }
    fs::File::open(into)?.sync_all()
}
