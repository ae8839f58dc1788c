//! What a commit will write: only what changed the room, so that retries and idle ticks cost no disk.

use super::frame::FrameBuilder;
use crate::room::{Command, Entry, Outcome, Position, Refusal};

/// A commit in the making.
#[derive(Debug)]
pub(super) struct Draft {
    now_ms: u64,
    frame: FrameBuilder,
    pool: Vec<PoolEntries>,
}

/// New entries of the pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolEntries {
    /// How many.
    pub(super) count: u64,
    /// Where they stand, from the start of the frame.
    pub(super) at: u64,
}

impl Draft {
    /// A commit of commands that are applied at this time.
    pub(super) fn new(now_ms: u64) -> Self {
        Self { now_ms, frame: FrameBuilder::new(now_ms), pool: Vec::new() }
    }

    /// The time of its commands.
    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Notes a command that changed the room, `entered` being the number of entries there were before.
    pub(super) fn note(&mut self, command: &Command, outcome: &Result<Outcome, Refusal>, entered: u64) {
        match (command, outcome) {
            (Command::Enter(entries), Ok(Outcome::Entered(positions))) => {
                self.note_entries(&new_entries(entries, positions, entered), positions);
            }
            (command, Ok(_)) => self.frame.push_command(command),
            // Refused, but time had passed, and that is what changed the room.
            (_, Err(_)) => self.frame.push_command(&Command::Tick),
        }
    }

    /// The frame's bytes and the pool's new entries in it; nothing if nothing changed.
    pub(super) fn finish(self) -> Option<(Vec<u8>, Vec<PoolEntries>)> {
        (!self.frame.is_empty()).then(|| (self.frame.finish(), self.pool))
    }

    fn note_entries(&mut self, new: &[Entry], positions: &[Position]) {
        if new.is_empty() {
            return self.frame.push_command(&Command::Tick);
        }
        let at = self.frame.push_entries(new);
        if let Some(Position::Pool(_)) = positions.last() {
            self.pool.push(PoolEntries { count: new.len() as u64, at });
        }
    }
}

/// The entries that were not there before: their positions go on from the last one given.
fn new_entries(entries: &[Entry], positions: &[Position], entered: u64) -> Vec<Entry> {
    let mut next = entered;
    let is_new = |position: &Position| {
        let is_new = position.number() == next;
        next += u64::from(is_new);
        is_new
    };
    let new: Vec<bool> = positions.iter().map(is_new).collect();
    entries.iter().zip(new).filter_map(|(entry, new)| new.then_some(*entry)).collect()
}
