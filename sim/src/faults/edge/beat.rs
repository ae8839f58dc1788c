//! The heartbeat of the room at one edge: scheduling it at first, a look five times a second, and the steps of the draw.

use fairgate::edge::{DrawStep, OTHERS_MAY_KNOW, TICK, is_one_roster};
use fairgate::room::{Command, Outcome, Plan, Refusal, View};
use fairgate_draw::RootHasher;
use rand::RngExt;

use super::super::messages::Response;
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
    /// Whether anybody knows the room.
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
    AfterRoster { entries: u64, before: Box<View>, root: [u8; 32] },
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
            (Beat::AfterRoster { entries, before, root }, Ok(_), Some(after)) if is_one_roster(&before, &after) => {
                self.say(format_args!("freezes {entries} entries, {} of them missing", after.missing));
                self.ask(Some(Command::Freeze { entries, root }), Asker::Beat(Beat::Stepping));
            }
            (Beat::Stepping, Ok(_), _) => self.beat_soon(),
            _ => self.beat_failed(),
        }
    }

    pub(super) fn roster_read(&mut self, then: Beat, response: Response) {
        match (then, response) {
            (Beat::Reading { entries, before }, Response::Roster(roster)) if roster.len() as u64 == entries => {
                let mut hasher = RootHasher::new();
                roster.iter().for_each(|entry| hasher.push(entry));
                let (_, root) = hasher.finish();
                self.ask(None, Asker::Beat(Beat::AfterRoster { entries, before, root }));
            }
            _ => self.beat_failed(),
        }
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
        let plan = Plan { secret: self.random.random(), ..self.plan.clone() };
        self.ask(Some(Command::Schedule(plan)), Asker::Beat(Beat::Scheduling));
    }

    fn looked(&mut self, view: View) {
        let step = DrawStep::due(&view);
        self.show(view);
        match step {
            DrawStep::None => self.beat_soon(),
            DrawStep::Freeze { entries } => self.ask(None, Asker::Beat(Beat::BeforeRoster { entries })),
            DrawStep::Reveal => {
                self.say("reveals the secret");
                self.ask(Some(Command::Reveal { beacon: None }), Asker::Beat(Beat::Stepping));
            }
        }
    }
}
