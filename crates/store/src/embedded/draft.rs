//! What a commit will write: only what changed the room, so that retries and idle ticks cost no disk.

use fairgate_core::room::{Arrival, Arrived, Command, Entry, Outcome, Position, Refusal, Spot};

use super::arrivals::{self, TierRun};
use super::frame::FrameBuilder;

/// A commit in the making.
#[derive(Debug)]
pub(super) struct Draft {
    now_ms: u64,
    frame: FrameBuilder,
    pool: Vec<PoolEntries>,
}

/// New entries of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PoolEntries {
    /// In a room with tiers: of which.
    pub(super) tier: Option<u8>,
    /// How many.
    pub(super) count: u64,
    /// Where they stand, from the start of the frame; none where numbers were left out.
    pub(super) at: Option<u64>,
    /// In a room with tiers: where their tags stand; none where numbers were left out.
    pub(super) tags_at: Option<u64>,
    /// True if these are no entries: the rosters begin anew, since a room with tiers was planned anew before anybody came.
    pub(super) is_beginning: bool,
}

impl PoolEntries {
    /// Numbers that were left out.
    pub(super) fn left_out(tier: Option<u8>, count: u64) -> Self {
        Self { tier, count, at: None, tags_at: None, is_beginning: false }
    }

    /// The rosters begin anew.
    pub(super) fn beginning() -> Self {
        Self { is_beginning: true, ..Self::left_out(None, 0) }
    }

    /// Entries of a room without tiers that stand there.
    pub(super) fn plain(count: u64, at: u64) -> Self {
        Self { at: Some(at), ..Self::left_out(None, count) }
    }

    /// Entries of a tier, in a record whose body stands there.
    pub(super) fn of_tier(run: &TierRun, body_at: u64) -> Self {
        let TierRun { tier, count, entries_at, tags_at } = *run;
        let (at, tags_at) = (Some(body_at + entries_at), Some(body_at + tags_at));
        Self { at, tags_at, ..Self::left_out(Some(tier), count) }
    }

    /// The same, seen from so many bytes before.
    pub(super) fn shifted(self, by: u64) -> Self {
        Self { at: self.at.map(|at| at + by), tags_at: self.tags_at.map(|at| at + by), ..self }
    }
}

impl Draft {
    /// A commit of commands that are applied at this time; those before them were heard until `heard_ms`.
    pub(super) fn new(heard_ms: u64, now_ms: u64) -> Self {
        Self { now_ms, frame: FrameBuilder::new(heard_ms, now_ms), pool: Vec::new() }
    }

    /// The time of its commands.
    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Notes entries of the pool that stand nowhere, since their numbers were left out.
    pub(super) fn note_left_out(&mut self, left_out: impl IntoIterator<Item = PoolEntries>) {
        self.pool.extend(left_out);
    }

    /// Notes a command that changed the room, `entered` being the number of entries there were before.
    pub(super) fn note(&mut self, command: &Command, outcome: &Result<Outcome, Refusal>, entered: u64) {
        match (command, outcome) {
            (Command::Enter(entries), Ok(Outcome::Entered(positions))) => {
                // Those that are new came at one time; others in the same command may have come before the pool was closed.
                let is_pool = positions.contains(&Position::Pool(entered));
                self.note_entries(&new_entries(entries, positions, entered), is_pool);
            }
            (Command::Arrive(arrivals), Ok(Outcome::Arrived(arrived))) => {
                let is_pool = |one: &Arrived| matches!(one, Arrived::New { at: Spot::Pool { .. }, .. });
                let is_pool = arrived.iter().any(is_pool);
                self.note_arrivals(&arrivals::new_ones(arrivals, arrived), is_pool);
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

    fn note_entries(&mut self, new: &[Entry], is_pool: bool) {
        if new.is_empty() {
            return self.frame.push_command(&Command::Tick);
        }
        let at = self.frame.push_entries(new);
        if is_pool {
            self.pool.push(PoolEntries::plain(new.len() as u64, at));
        }
    }

    fn note_arrivals(&mut self, new: &[Arrival], is_pool: bool) {
        if new.is_empty() {
            return self.frame.push_command(&Command::Tick);
        }
        let at = self.frame.push_arrivals(new);
        if is_pool {
            self.pool.extend(arrivals::runs(new).iter().map(|run| PoolEntries::of_tier(run, at)));
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

#[cfg(test)]
mod tests {
    use super::super::frame::{Change, read_payload};
    use super::*;
    use crate::framing::FRAME_HEAD_BYTES;
    use fairgate_core::room::{Policy, Room, SalePlan};

    #[test]
    fn who_comes_late_is_not_in_the_roster_beside_a_retry_of_the_pools() {
        for positions in [vec![Position::Line(1), Position::Pool(0)], vec![Position::Pool(0), Position::Line(1)]] {
            let mut draft = Draft::new(0, 0);
            draft.note(&Command::Enter(vec![[1; 32], [2; 32]]), &Ok(Outcome::Entered(positions)), 1);
            let (_, pool) = draft.finish().expect("somebody came");
            assert!(pool.is_empty(), "{pool:?}");
        }
    }

    /// Applies commands, one commit each, to a room and, as they were written down, to another.
    fn rooms(commands: &[(u64, Command)]) -> (Room, Room) {
        let (mut room, mut replayed) = (Room::default(), Room::default());
        for (now_ms, command) in commands {
            let (revision, entered) = (room.revision(), room.entered());
            let mut draft = Draft::new(room.now_ms(), *now_ms);
            let outcome = room.apply(command, *now_ms);
            if room.revision() != revision {
                draft.note(command, &outcome, entered);
            }
            let Some((frame, _)) = draft.finish() else { continue };
            let payload = read_payload(&frame[FRAME_HEAD_BYTES..]).expect("it was just written");
            replayed.heard_until(payload.heard_ms);
            for record in payload.records {
                let Change::Apply(command) = &record.change else { panic!("{record:?}") };
                drop(replayed.apply(command, payload.now_ms));
            }
        }
        (room, replayed)
    }

    fn opening() -> Vec<(u64, Command)> {
        let policy = Policy { burst: 2, max_active: 50, grace_ms: 30_000, ..Policy::for_testing() };
        let (room, secret) = ("arena".to_owned(), [1; 32]);
        let plan = SalePlan {
            room,
            opens_at_ms: 10,
            starts_at_ms: 20,
            ends_at_ms: None,
            beacon: None,
            secret,
            config_version: 0,
            policy,
            rules: None,
        };
        vec![
            (0, Command::Schedule(plan)),
            (10, Command::Enter(vec![[1; 32], [2; 32], [1; 32], [3; 32]])),
            (11, Command::Enter(vec![[2; 32]])),
            (20, Command::Freeze { entries: 3, root: [0; 32] }),
            (2_020, Command::Reveal { beacon: None }),
        ]
    }

    #[test]
    fn what_was_written_down_is_the_same_room_again() {
        let (room, replayed) = rooms(&opening());
        assert_eq!(room, replayed);
        assert_eq!(room.entered(), 3);
    }

    #[test]
    fn time_that_passes_with_a_refused_command_is_written_down() {
        let contradiction = Command::Freeze { entries: 3, root: [9; 32] };
        let commands = [opening(), vec![(2_021, contradiction)]].concat();
        let (room, replayed) = rooms(&commands);
        assert_eq!(room.view().unwrap().serving, 2);
        assert_eq!(room, replayed);
    }

    #[test]
    fn a_retry_that_lets_time_pass_is_written_down_without_its_entries() {
        let commands = [opening(), vec![(2_021, Command::Enter(vec![[1; 32]]))]].concat();
        let (room, replayed) = rooms(&commands);
        assert_eq!((room.view().unwrap().serving, room.entered()), (2, 3));
        assert_eq!(room, replayed);
    }
}
