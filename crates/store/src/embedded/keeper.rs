//! The one thread that changes a room.
//!
//! Guarantees:
//! - a command is answered after the commit that has it, never before
//! - commands that wait while a commit is under way share the next one
//! - after a failed write or a panic the room is read back from the disk before anything else happens
//! - so nobody is ever told of a change that is not there

use std::io::ErrorKind;
use std::iter::Peekable;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::{fs, io, vec};

use fairgate_core::room::{Command, Entry, Room, Spot};
use fairgate_telemetry::clock::Clock;
use tracing::{error, info};

use super::claims::{ClaimFile, ClaimList};
use super::draft::Draft;
use super::frame::{FRAME_BYTES_FULL, HEADER_BYTES, Header, bytes_max};
use super::journal::{Journal, path_in};
use super::load::{Kept, Loaded, Pools, load};
use super::roster::Rosters;
use super::{Counters, OpenError, create_dir};
use crate::batch::{Answer, Request, Step, put_together};

/// The most requests that are looked at together.
const REQUESTS_MAX: usize = 8_192;

/// Where gates read the roster: only committed entries are in it.
pub(super) type SharedRosters = Arc<RwLock<Option<Rosters>>>;

/// Where gates read the list of claims: only committed ones are in it.
pub(super) type SharedClaims = Arc<RwLock<Option<ClaimFile>>>;

/// A room and what makes it durable.
pub(super) struct Keeper {
    name: String,
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    room: Room,
    journal: Option<Journal>,
    rosters: SharedRosters,
    claims: Option<ClaimList>,
    shared_claims: SharedClaims,
    /// After a failed write or a panic the room in memory is ahead of the disk.
    is_ahead: bool,
}

impl Keeper {
    /// The keeper of a room as it was loaded.
    pub(super) fn new(
        name: &str,
        dir: PathBuf,
        loaded: Loaded,
        clock: Arc<dyn Clock>,
        counters: Arc<Counters>,
    ) -> Self {
        let mut keeper = Self {
            name: name.to_owned(),
            dir,
            clock,
            counters,
            room: Room::default(),
            journal: None,
            rosters: SharedRosters::default(),
            claims: None,
            shared_claims: SharedClaims::default(),
            is_ahead: false,
        };
        keeper.take(loaded);
        keeper
    }

    /// Where the room's rosters can be read.
    pub(super) fn rosters(&self) -> SharedRosters {
        Arc::clone(&self.rosters)
    }

    /// Where the room's list of claims can be read.
    pub(super) fn claims(&self) -> SharedClaims {
        Arc::clone(&self.shared_claims)
    }

    /// Goes on with a room as it was loaded.
    fn take(&mut self, loaded: Loaded) {
        let (journal, rosters, claims) = match loaded.kept {
            Some(Kept { journal, rosters, claims }) => (Some(journal), Some(rosters), Some(claims)),
            None => (None, None, None),
        };
        *self.lock_rosters() = rosters;
        (self.room, self.journal, self.claims) = (loaded.room, journal, claims);
        self.share_claims();
    }

    /// Serves requests until nobody can send any. After a panic the room is read back from the disk, as after a failed
    /// write. Whoever waited is told that nobody knows what came of it.
    pub(super) fn run(&mut self, requests: &Receiver<Request>) {
        while catch_unwind(AssertUnwindSafe(|| self.serve_all(requests))).is_err() {
            error!(room = self.name, "the room's keeper has panicked: reading the room back from the disk");
            self.counters.restarts.fetch_add(1, Relaxed);
            self.is_ahead = true;
        }
    }

    fn serve_all(&mut self, requests: &Receiver<Request>) {
        while let Ok(first) = requests.recv() {
            let waiting = std::iter::once(first).chain(requests.try_iter()).take(REQUESTS_MAX);
            let mut steps = put_together(waiting).into_iter().peekable();
            while steps.peek().is_some() {
                self.serve(next_commit(&mut steps));
            }
        }
    }

    /// Applies steps, commits what they changed, and answers.
    fn serve(&mut self, steps: Vec<Step>) {
        if let Err(error) = self.catch_up() {
            error!(room = self.name, %error, "the room cannot be read back after a failed write");
            return steps.into_iter().for_each(|step| step.fail(&error.to_string()));
        }
        let commands: u64 = steps.iter().map(Step::commands).sum();
        let sale = Header { generation: self.room.generation() + 1, revision: self.room.revision() };
        let mut draft = Draft::new(self.room.now_ms(), self.now_ms());
        let mut answers: Vec<Answer> = steps.into_iter().map(|step| self.apply(step, &mut draft)).collect();
        match self.write(draft, sale) {
            Ok(()) => {
                self.counters.commands.fetch_add(commands, Relaxed);
                answers.iter_mut().for_each(|answer| answer.fill_in(|at| self.entry_at(at)));
                answers.into_iter().for_each(Answer::send);
            }
            Err(error) => {
                error!(room = self.name, %error, "cannot write the journal");
                self.is_ahead = true;
                let why = format!("cannot write to {}: {error}", self.dir.display());
                answers.into_iter().for_each(|answer| answer.fail(&why));
            }
        }
    }

    fn apply(&mut self, step: Step, draft: &mut Draft) -> Answer {
        let (revision, entered, pools) = (self.room.revision(), self.room.entered(), Pools::of(&self.room));
        let outcome = self.room.apply(&step.command, draft.now_ms());
        if self.room.revision() != revision {
            draft.note(&step.command, &outcome, entered);
            draft.note_left_out(pools.left_out(&step.command, &self.room));
            if let Some(claims) = &mut self.claims {
                claims.note(&step.command, &outcome, self.room.now_ms());
            }
        }
        step.answer(outcome, || self.room.view())
    }

    /// Makes a draft durable; `sale` is the next sale, which it may have begun.
    fn write(&mut self, draft: Draft, sale: Header) -> io::Result<()> {
        let Some((frame, pool)) = draft.finish() else { return Ok(()) };
        let frame_at = match &mut self.journal {
            Some(journal) if self.room.generation() != sale.generation => journal.append(&frame)?,
            _ => self.begin_journal(sale, &frame)?,
        };
        if let Some(rosters) = &mut *self.lock_rosters() {
            pool.into_iter().for_each(|entries| rosters.push(entries.shifted(frame_at)));
        }
        self.publish_claims();
        self.counters.commits.fetch_add(1, Relaxed);
        Ok(())
    }

    fn begin_journal(&mut self, sale: Header, frame: &[u8]) -> io::Result<u64> {
        create_dir(&self.dir)?;
        let journal = Journal::create(&self.dir, sale, frame)?;
        *self.lock_rosters() = Some(Rosters::new(&journal.file()));
        self.claims = Some(ClaimList::create(&self.dir, journal.generation())?);
        self.journal = Some(journal);
        Ok(HEADER_BYTES as u64)
    }

    /// Writes down and shows who was let in. The journal has the claims already, so a failure costs nothing but time.
    /// The lines are written with the next ones, or when the room is read back.
    fn publish_claims(&mut self) {
        if let Some(Err(error)) = self.claims.as_mut().map(ClaimList::write) {
            error!(room = self.name, %error, "cannot write the list of claims; trying again with the next commit");
        }
        self.share_claims();
    }

    fn share_claims(&self) {
        let file = self.claims.as_ref().map(ClaimList::file);
        *self.shared_claims.write().unwrap_or_else(PoisonError::into_inner) = file;
    }

    /// Reads the room back where the last write failed.
    fn catch_up(&mut self) -> Result<(), OpenError> {
        if !self.is_ahead {
            return Ok(());
        }
        self.discard_unwritten().map_err(|source| OpenError::Io { path: self.dir.clone(), source })?;
        let loaded = load(&self.dir)?;
        self.take(loaded);
        self.is_ahead = false;
        info!(room = self.name, revision = self.room.revision(), "read the room back after a failed write");
        Ok(())
    }

    /// Takes away what nobody was told of: the end of the journal, and the journal of a sale that could not begin.
    fn discard_unwritten(&self) -> io::Result<()> {
        if let Some(journal) = &self.journal {
            journal.cut_back()?;
        }
        let begun = self.journal.as_ref().map_or(0, Journal::generation) + 1;
        match fs::remove_file(path_in(&self.dir, begun)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The entry that stands in a tier's pool, as far as it can be read.
    fn entry_at(&self, at: Spot) -> Option<Entry> {
        let Spot::Pool { tier, index } = at else { return None };
        let part = self
            .lock_rosters()
            .as_ref()
            .and_then(|rosters| Some(rosters.tier(tier)?.entries.part(index..index + 1)))?;
        match part.read() {
            Ok(bytes) => bytes.first_chunk().copied(),
            Err(error) => {
                error!(room = self.name, %error, "cannot read an entry back");
                None
            }
        }
    }

    fn lock_rosters(&self) -> RwLockWriteGuard<'_, Option<Rosters>> {
        self.rosters.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ms().max(self.room.now_ms())
    }
}

/// The next steps that share a commit. A plan has one of its own, since it may begin a new journal.
fn next_commit(steps: &mut Peekable<vec::IntoIter<Step>>) -> Vec<Step> {
    let mut commit = Vec::new();
    let mut bytes = 0;
    while let Some(step) = steps.next_if(|step| commit.is_empty() || !is_plan(step)) {
        bytes += bytes_max(&step.command);
        commit.push(step);
        if bytes >= FRAME_BYTES_FULL || commit.first().is_some_and(is_plan) {
            break;
        }
    }
    commit
}

fn is_plan(step: &Step) -> bool {
    matches!(step.command, Command::Schedule(_))
}
