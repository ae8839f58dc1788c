//! How an edge asks a store that may have lost the room: one request as the calls that it takes, one after another. Pure;
//! the task of a room in Redis makes the calls, and so does the simulator.
//!
//! Guarantees:
//! - a store that has lost something is told all that this edge knows, and is asked again only then
//! - entries that could not be put back are put back before anything else is asked
//! - nothing is answered before this edge has noted it, entries of the pool on its disk included

use super::{Knowledge, Sight};
use crate::room::{Command, Outcome};

/// A call to be made next. All but [`Call::LookAround`] carry the stamp that the edge knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Apply the request's command.
    Ask,
    /// How does the room stand?
    Look,
    /// How does it stand now that something was put back, whatever state it is?
    LookAround,
    /// Take back what this edge knows.
    Restore,
    /// Take back the entries that this edge has answered.
    Refill {
        /// From this index on.
        from: u64,
        /// True if all of these entries were in the roster when its root was made.
        is_under_root: bool,
    },
    /// Take back the frozen roster from this edge's copy of it, which is of the root that the edge knows.
    PutBack {
        /// From this index on.
        from: u64,
    },
    /// Write the entries of the pool that are about to be answered on this edge's disk: no call to the store.
    Write,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply<E> {
    /// To [`Call::Ask`].
    Answered(Outcome),
    /// To [`Call::Look`] and [`Call::LookAround`].
    Looked(Box<Sight>),
    /// To [`Call::Refill`].
    Refilled {
        /// True if some entries were not taken, since the root was made without them.
        too_late: bool,
    },
    /// To [`Call::PutBack`]: there is no copy after all.
    NoCopy,
    /// To any other call: done.
    Done,
    /// The state is another one than this edge knows, or older; nothing was done.
    Lost(E),
    /// The call was refused, or nobody knows what came of it.
    Failed(E),
}

/// How to go on.
#[derive(Clone, Debug, PartialEq)]
pub enum Next<E> {
    /// With this call.
    Call(Call),
    /// With the answer.
    Answer(Result<Outcome, E>),
}

/// One request under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    is_view: bool,
    step: Step,
    /// The last one.
    call: Call,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// What an earlier request could not put back comes first.
    Paying,
    Asking {
        again: bool,
    },
    Restoring,
    LookingAround,
    Refilling,
    /// Of which draw the answers are has to be known before they are noted.
    LookingFirst(Outcome),
    Writing(Outcome),
    LookingAfter(Outcome),
}

impl Exchange {
    /// Begins a request with its first call; `is_view`: it asks for nothing but how the room stands.
    #[must_use]
    pub fn begin(is_view: bool, knowledge: &Knowledge) -> (Self, Call) {
        let ask = if is_view { Call::Look } else { Call::Ask };
        let (step, call) = match knowledge.refill() {
            Some(refill) => (Step::Paying, refill),
            None => (Step::Asking { again: false }, ask),
        };
        (Self { is_view, step, call }, call)
    }

    /// Goes on after a call.
    pub fn replied<E>(&mut self, reply: Reply<E>, command: &Command, knowledge: &mut Knowledge) -> Next<E> {
        let step = self.step.clone();
        match (step, reply) {
            (Step::Paying | Step::Asking { again: false }, Reply::Lost(_)) => self.make(Step::Restoring, Call::Restore),
            (Step::Restoring, Reply::Done) => self.make(Step::LookingAround, Call::LookAround),
            (Step::LookingAround, Reply::Looked(sight)) => {
                let intact = sight.intact;
                knowledge.looked_around(*sight);
                knowledge.owes(intact);
                self.refill(Step::Refilling, knowledge)
            }
            (step @ (Step::Paying | Step::Refilling), Reply::NoCopy) => {
                knowledge.has_copy = false;
                self.refill(step, knowledge)
            }
            (Step::Paying, Reply::Done) => {
                knowledge.paid(false);
                self.ask_again(false)
            }
            (Step::Refilling, Reply::Done) => {
                knowledge.paid(false);
                self.ask_again(true)
            }
            (Step::Paying, Reply::Refilled { too_late }) => {
                knowledge.paid(too_late);
                self.ask_again(false)
            }
            (Step::Refilling, Reply::Refilled { too_late }) => {
                knowledge.paid(too_late);
                self.ask_again(true)
            }
            (Step::Asking { .. }, Reply::Answered(outcome)) => self.note(outcome, command, knowledge),
            (Step::Asking { .. }, Reply::Looked(sight)) => {
                knowledge.saw(*sight);
                self.note(Outcome::Done, command, knowledge)
            }
            // A look that fails here is made again with the next request.
            (Step::LookingFirst(outcome), reply) => {
                see(reply, knowledge);
                self.write(outcome, command, knowledge)
            }
            (Step::Writing(outcome), _) if knowledge.needs_look(&outcome) => {
                self.make(Step::LookingAfter(outcome), Call::Look)
            }
            (Step::Writing(outcome) | Step::LookingAfter(outcome), reply) => {
                see(reply, knowledge);
                Next::Answer(Ok(outcome))
            }
            (_, Reply::Lost(error) | Reply::Failed(error)) => Next::Answer(Err(error)),
            // What answers another call says nothing about this one.
            _ => Next::Call(self.call),
        }
    }

    /// Puts back what is owed, if there is anything that this edge has and may put back.
    fn refill<E>(&mut self, step: Step, knowledge: &mut Knowledge) -> Next<E> {
        match knowledge.refill() {
            Some(call) => self.make(step, call),
            None => {
                knowledge.owed_from = None;
                self.ask_again(step == Step::Refilling)
            }
        }
    }

    /// Remembers what this edge is about to answer.
    fn note<E>(&mut self, outcome: Outcome, command: &Command, knowledge: &mut Knowledge) -> Next<E> {
        if knowledge.memory.is_none() || matches!(command, Command::Schedule(_)) {
            return self.make(Step::LookingFirst(outcome), Call::Look);
        }
        self.write(outcome, command, knowledge)
    }

    fn write<E>(&mut self, outcome: Outcome, command: &Command, knowledge: &mut Knowledge) -> Next<E> {
        knowledge.answered(command, &outcome);
        match outcome {
            Outcome::Entered(_) | Outcome::Arrived(_) => self.make(Step::Writing(outcome), Call::Write),
            _ => Next::Answer(Ok(outcome)),
        }
    }

    fn ask_again<E>(&mut self, again: bool) -> Next<E> {
        self.make(Step::Asking { again }, self.ask())
    }

    fn ask(&self) -> Call {
        if self.is_view { Call::Look } else { Call::Ask }
    }

    fn make<E>(&mut self, step: Step, call: Call) -> Next<E> {
        (self.step, self.call) = (step, call);
        Next::Call(call)
    }

    /// The outcome that is about to be answered, for [`Call::Write`].
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.step {
            Step::LookingFirst(outcome) | Step::Writing(outcome) | Step::LookingAfter(outcome) => Some(outcome),
            _ => None,
        }
    }
}

/// Takes in what a look showed, if it showed anything.
fn see<E>(reply: Reply<E>, knowledge: &mut Knowledge) {
    if let Reply::Looked(sight) = reply {
        knowledge.saw(*sight);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Stamp, is_lost};
    use super::*;
    use crate::room::{Plan, Policy, Room};

    const VIEW: Command = Command::Tick;
    const POLICY: Policy = Policy { burst: 1, max_active: 10, ..Policy::for_testing() };

    fn sight(epoch: u8, root: Option<u8>) -> Box<Sight> {
        let mut room = Room::default();
        let plan = Plan {
            room: "arena".into(),
            opens_at_ms: 0,
            starts_at_ms: 1_000,
            ends_at_ms: None,
            beacon: None,
            secret: [1; 32],
            config_version: 0,
            policy: POLICY,
            rules: None,
        };
        room.apply(&Command::Schedule(plan), 0).unwrap();
        if root.is_some() {
            room.apply(&Command::Freeze { entries: 0, root: [5; 32] }, 1_000).unwrap();
        }
        let stamp = Stamp { epoch: vec![epoch], revision: room.revision() };
        let frozen_in = root.map(|epoch| vec![epoch]);
        Box::new(Sight { stamp, memory: room.memory().unwrap(), frozen_in, intact: 7, has_copy: false })
    }

    fn knowing(epoch: u8) -> Knowledge {
        let mut knowledge = Knowledge::default();
        knowledge.saw(*sight(epoch, None));
        knowledge
    }

    /// Replies one after the other; the last thing that is wanted.
    fn after(knowledge: &mut Knowledge, replies: Vec<Reply<&'static str>>) -> Next<&'static str> {
        let (mut exchange, call) = Exchange::begin(true, knowledge);
        replies.into_iter().fold(Next::Call(call), |_, reply| exchange.replied(reply, &VIEW, knowledge))
    }

    #[test]
    fn what_is_lost_is_put_back_before_it_is_asked_again() {
        let mut knowledge = knowing(1);
        let refill = Call::Refill { from: 7, is_under_root: false };
        let lost = || vec![Reply::Lost("lost"), Reply::Done];
        assert_eq!(after(&mut knowledge.clone(), vec![Reply::Lost("lost")]), Next::Call(Call::Restore));
        assert_eq!(after(&mut knowledge.clone(), lost()), Next::Call(Call::LookAround));
        let mut put_back = lost();
        put_back.push(Reply::Looked(sight(2, None)));
        assert_eq!(after(&mut knowledge.clone(), put_back.clone()), Next::Call(refill));
        put_back.extend([Reply::Refilled { too_late: false }, Reply::Looked(sight(2, None))]);
        assert_eq!(after(&mut knowledge, put_back), Next::Answer(Ok(Outcome::Done)));
        assert_eq!(knowledge.owed_from, None);
    }

    #[test]
    fn a_look_that_fails_leaves_the_loss_to_be_noticed_again() {
        let mut knowledge = knowing(1);
        let failed = vec![Reply::Lost("lost"), Reply::Done, Reply::Failed("silence")];
        assert_eq!(after(&mut knowledge, failed), Next::Answer(Err("silence")));
        assert!(is_lost(knowledge.stamp.as_ref(), Some(&sight(2, None).stamp)));
    }

    #[test]
    fn entries_that_could_not_be_put_back_are_owed() {
        let mut knowledge = knowing(1);
        let failed = vec![Reply::Lost("lost"), Reply::Done, Reply::Looked(sight(2, None)), Reply::Failed("silence")];
        assert_eq!(after(&mut knowledge, failed), Next::Answer(Err("silence")));
        let (_, first) = Exchange::begin(false, &knowledge);
        assert_eq!(first, Call::Refill { from: 7, is_under_root: false });
        assert_eq!(after(&mut knowledge, vec![Reply::Refilled { too_late: true }]), Next::Call(Call::Look));
        assert_eq!(knowledge.is_under_root, Some(false));
    }

    #[test]
    fn the_copy_of_a_frozen_roster_is_put_back_where_there_is_one() {
        let mut copied = sight(2, Some(1));
        copied.has_copy = true;
        copied.memory.frozen.as_mut().unwrap().entries = 9;
        let lost = || vec![Reply::Lost("lost"), Reply::Done, Reply::Looked(copied.clone())];
        assert_eq!(after(&mut knowing(1), lost()), Next::Call(Call::PutBack { from: 7 }));

        let (mut knowledge, mut put_back) = (knowing(1), lost());
        put_back.push(Reply::Done);
        assert_eq!(after(&mut knowledge, put_back), Next::Call(Call::Look));
        assert_eq!(knowledge.owed_from, None);

        let (mut knowledge, mut damaged) = (knowing(1), lost());
        damaged.push(Reply::NoCopy);
        assert_eq!(after(&mut knowledge, damaged), Next::Call(Call::Refill { from: 7, is_under_root: true }));

        let mut knowledge = knowing(1);
        after(&mut knowledge, lost());
        assert_eq!(Exchange::begin(false, &knowledge).1, Call::PutBack { from: 7 }, "what is owed comes first");
        copied.intact = 9;
        knowledge.saw(*copied.clone());
        assert_eq!(Exchange::begin(false, &knowledge).1, Call::Ask, "another edge has put it back");
    }

    #[test]
    fn entries_are_under_a_root_that_was_made_of_the_state_that_had_them_all() {
        for (frozen_in, expected) in [(1, Some(true)), (2, Some(false))] {
            let mut knowledge = knowing(1);
            let lost = vec![Reply::Lost("lost"), Reply::Done, Reply::Looked(sight(2, Some(frozen_in)))];
            let next = after(&mut knowledge, lost);
            assert_eq!(knowledge.is_under_root, expected);
            let refill = Call::Refill { from: 7, is_under_root: true };
            assert_eq!(next, Next::Call(if expected == Some(true) { refill } else { Call::Look }));
        }
    }
}
