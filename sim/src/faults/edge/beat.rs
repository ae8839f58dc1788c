//! The heartbeat of the room at one edge: scheduling it at first, a look five times a second, and the steps of the draw.

use fairgate::edge::{COPY_EVERY, DrawStep, OTHERS_MAY_KNOW, TICK, copy_due, is_one_roster};
use fairgate_core::room::{Command, Entry, Outcome, Refusal, SalePlan, View};
use fairgate_draw::RootHasher;
use rand::RngExt;

use super::super::messages::{Response, TierList};
use super::super::sabotage::Sabotage;
use super::task::{Asker, Failure};
use super::{Process, Wake};

/// How far the heartbeat has come.
#[derive(Debug, Default)]
pub(super) struct Heart {
    /// Others had time to put the room back.
    has_waited: bool,
    /// The plan was told.
    is_scheduled: bool,
}

/// What the heartbeat waits for.
#[derive(Clone, Debug)]
pub(super) enum Beat {
    /// Asks if any edge knows the room.
    Knowing,
    /// The plan is being told.
    Scheduling,
    /// How the room stands.
    Looking,
    /// The same before the roster is read.
    BeforeRoster { entries: u64 },
    /// The roster.
    Reading { entries: u64, before: Box<View> },
    /// How the room stands after that.
    AfterRoster { roster: Vec<Entry>, before: Box<View>, root: [u8; 32] },
    /// The roster, to be copied.
    Copying { entries: u64, root: [u8; 32] },
    /// How the room stands before rosters and tags of all tiers are read.
    BeforeLists,
    /// Rosters and tags of all tiers.
    ReadingLists { before: Box<View> },
    /// How the room stands after that.
    AfterLists { lists: Vec<TierList>, before: Box<View> },
    /// Rosters and tags of all tiers, to be copied.
    CopyingLists { root: [u8; 32] },
    /// A step of the draw.
    Stepping,
}

impl Process {
    /// Begins a heartbeat.
    pub(super) fn beat(&mut self) {
        let beat = if self.heart.is_scheduled { Beat::Looking } else { Beat::Knowing };
        self.ask(None, Asker::Beat(beat));
    }

    pub(super) fn beat_answered(&mut self, beat: Beat, outcome: Result<Outcome, Failure>, view: Option<View>) {
        match (beat, outcome, view) {
            (Beat::Knowing, Err(Failure::Refused(Refusal::NotScheduled)), _) if !self.heart.has_waited => {
                self.heart.has_waited = true;
                self.wake_after(OTHERS_MAY_KNOW.as_millis() as u64, Wake::Beat);
            }
            (Beat::Knowing | Beat::Scheduling, Err(Failure::Unavailable), _) => self.beat_soon(),
            (Beat::Knowing, ..) => self.schedule(),
            (Beat::Scheduling, ..) => {
                self.heart.is_scheduled = true;
                self.beat();
            }
            (Beat::Looking, Ok(_), Some(view)) => self.looked(view),
            (Beat::BeforeRoster { entries }, Ok(_), Some(view)) => {
                self.read(entries, Beat::Reading { entries, before: Box::new(view) });
            }
            (Beat::AfterRoster { roster, before, root }, Ok(_), Some(after)) if is_one_roster(&before, &after) => {
                let entries = roster.len() as u64;
                self.say(format_args!("freezes {entries} entries, {} of them missing", after.missing));
                if self.sabotage != Some(Sabotage::NoCopy) {
                    self.disk.keep(root, roster);
                }
                self.ask(Some(Command::Freeze { entries, root }), Asker::Beat(Beat::Stepping));
            }
            (Beat::BeforeLists, Ok(_), Some(view)) => self.read_lists(Beat::ReadingLists { before: Box::new(view) }),
            (Beat::AfterLists { lists, before }, Ok(_), Some(after)) => self.freeze_lists(lists, &before, &after),
            (Beat::Stepping, Ok(_), _) => self.beat_soon(),
            _ => self.beat_failed(),
        }
    }

    /// A roster was read, or nobody knows what became of that.
    pub(super) fn roster_read(&mut self, then: Beat, response: Option<Response>) {
        match (then, response) {
            (then @ (Beat::ReadingLists { .. } | Beat::CopyingLists { .. }), response) => {
                self.tiers_were_read(then, response);
            }
            (Beat::Reading { entries, before }, Some(Response::Roster(roster))) if roster.len() as u64 == entries => {
                let root = root_of(&roster);
                self.ask(None, Asker::Beat(Beat::AfterRoster { roster, before, root }));
            }
            (Beat::Copying { entries, root }, Some(Response::Roster(roster)))
                if roster.len() as u64 == entries && root_of(&roster) == root =>
            {
                self.say("copies the frozen roster");
                self.disk.keep(root, roster);
            }
            // It is tried again.
            (Beat::Copying { .. }, _) => {}
            _ => self.beat_failed(),
        }
    }

    /// Sees to it that there is a copy of the frozen roster.
    pub(super) fn copy(&mut self) {
        let due = self.shown.as_ref().and_then(|shown| copy_due(&shown.standing.view));
        if let Some((entries, root)) = due.filter(|(_, root)| self.disk.copy(root).is_none())
            && self.sabotage != Some(Sabotage::NoCopy)
        {
            self.read(entries, Beat::Copying { entries, root });
        }
        self.copy_lists();
        self.wake_after(COPY_EVERY.as_millis() as u64, Wake::Copy);
    }

    /// A heartbeat that failed says that what is shown is stale.
    pub(super) fn beat_failed(&mut self) {
        self.show_stale();
        self.beat_soon();
    }

    fn beat_soon(&mut self) {
        self.wake_after(TICK.as_millis() as u64, Wake::Beat);
    }

    fn schedule(&mut self) {
        let plan = SalePlan { secret: self.random.random(), ..self.plan.clone() };
        self.ask(Some(Command::Schedule(plan)), Asker::Beat(Beat::Scheduling));
    }

    fn looked(&mut self, view: View) {
        let (step, has_tiers) = (DrawStep::due(&view), !view.tiers.is_empty());
        self.show(view);
        match step {
            DrawStep::None => self.beat_soon(),
            DrawStep::Freeze { .. } if has_tiers => self.ask(None, Asker::Beat(Beat::BeforeLists)),
            DrawStep::Freeze { entries } => self.ask(None, Asker::Beat(Beat::BeforeRoster { entries })),
            DrawStep::Reveal => {
                self.say("reveals the secret");
                self.ask(Some(Command::Reveal { beacon: None }), Asker::Beat(Beat::Stepping));
            }
        }
    }
}

/// The root of a roster.
pub(crate) fn root_of(roster: &[Entry]) -> [u8; 32] {
    let mut hasher = RootHasher::new();
    roster.iter().for_each(|entry| hasher.push(entry));
    hasher.finish().1
}
