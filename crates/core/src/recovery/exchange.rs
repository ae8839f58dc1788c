//! How an edge asks a store that may have lost the room: one request as the calls that it takes, one after another. Pure;
//! the task of a room in Redis makes the calls, and so does the simulator.
//!
//! Guarantees:
//! - a store that has lost something is told all that this edge knows, and is asked again only then
//! - entries that could not be put back are put back before anything else is asked
//! - nothing is answered before this edge has noted it, entries of the pool on its disk included

use super::{Observation, Replica};
use crate::room::{Command, Outcome};

/// A call to be made next. All but [`Call::ObserveAfterRestore`] carry the version of the state that the edge knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Apply the request's command.
    Ask,
    /// How does the room stand?
    Look,
    /// How does it stand now that something was put back, whatever state it is?
    ObserveAfterRestore,
    /// Take back what this edge knows.
    Restore,
    /// Take back the entries that this edge has answered.
    RestoreEntries {
        /// From this index on.
        from: u64,
        /// True if all of these entries were in the roster when its root was made.
        is_under_root: bool,
    },
    /// Take back the frozen roster from this edge's copy of it, which is of the root that the edge knows.
    RestoreRoster {
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
    /// To [`Call::Look`] and [`Call::ObserveAfterRestore`].
    Looked(Box<Observation>),
    /// To [`Call::RestoreEntries`].
    EntriesRestored {
        /// True if some entries were not taken, since the root was made without them.
        too_late: bool,
    },
    /// To [`Call::RestoreRoster`]: there is no copy after all.
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
    pub fn begin(is_view: bool, replica: &Replica) -> (Self, Call) {
        let ask = if is_view { Call::Look } else { Call::Ask };
        let (step, call) = match replica.next_of_backlog() {
            Some(refill) => (Step::Paying, refill),
            None => (Step::Asking { again: false }, ask),
        };
        (Self { is_view, step, call }, call)
    }

    /// Goes on after a call.
    pub fn replied<E>(&mut self, reply: Reply<E>, command: &Command, replica: &mut Replica) -> Next<E> {
        let step = self.step.clone();
        match (step, reply) {
            (Step::Paying | Step::Asking { again: false }, Reply::Lost(_)) => self.make(Step::Restoring, Call::Restore),
            (Step::Restoring, Reply::Done) => self.make(Step::LookingAround, Call::ObserveAfterRestore),
            (Step::LookingAround, Reply::Looked(observation)) => {
                let intact = observation.intact;
                replica.observe_after_restore(*observation);
                replica.note_backlog(intact);
                self.restore_backlog(Step::Refilling, replica)
            }
            (step @ (Step::Paying | Step::Refilling), Reply::NoCopy) => {
                replica.has_copy = false;
                self.restore_backlog(step, replica)
            }
            (Step::Paying, Reply::Done) => {
                replica.clear_backlog(false);
                self.ask_again(false)
            }
            (Step::Refilling, Reply::Done) => {
                replica.clear_backlog(false);
                self.ask_again(true)
            }
            (Step::Paying, Reply::EntriesRestored { too_late }) => {
                replica.clear_backlog(too_late);
                self.ask_again(false)
            }
            (Step::Refilling, Reply::EntriesRestored { too_late }) => {
                replica.clear_backlog(too_late);
                self.ask_again(true)
            }
            (Step::Asking { .. }, Reply::Answered(outcome)) => self.note(outcome, command, replica),
            (Step::Asking { .. }, Reply::Looked(observation)) => {
                replica.observe(*observation);
                self.note(Outcome::Done, command, replica)
            }
            // A look that fails here is made again with the next request.
            (Step::LookingFirst(outcome), reply) => {
                see(reply, replica);
                self.write(outcome, command, replica)
            }
            (Step::Writing(outcome), _) if replica.needs_look(&outcome) => {
                self.make(Step::LookingAfter(outcome), Call::Look)
            }
            (Step::Writing(outcome) | Step::LookingAfter(outcome), reply) => {
                see(reply, replica);
                Next::Answer(Ok(outcome))
            }
            (_, Reply::Lost(error) | Reply::Failed(error)) => Next::Answer(Err(error)),
            // What answers another call says nothing about this one.
            _ => Next::Call(self.call),
        }
    }

    /// Restores the backlog, if this edge has any of it and may put it back.
    fn restore_backlog<E>(&mut self, step: Step, replica: &mut Replica) -> Next<E> {
        match replica.next_of_backlog() {
            Some(call) => self.make(step, call),
            None => {
                replica.backlog_from = None;
                self.ask_again(step == Step::Refilling)
            }
        }
    }

    /// Remembers what this edge is about to answer.
    fn note<E>(&mut self, outcome: Outcome, command: &Command, replica: &mut Replica) -> Next<E> {
        if replica.memory.is_none() || matches!(command, Command::Schedule(_)) {
            return self.make(Step::LookingFirst(outcome), Call::Look);
        }
        self.write(outcome, command, replica)
    }

    fn write<E>(&mut self, outcome: Outcome, command: &Command, replica: &mut Replica) -> Next<E> {
        replica.answered(command, &outcome);
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
fn see<E>(reply: Reply<E>, replica: &mut Replica) {
    if let Reply::Looked(observation) = reply {
        replica.observe(*observation);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{StateVersion, is_lost};
    use super::*;
    use crate::room::{Policy, Room, SalePlan};

    const VIEW: Command = Command::Tick;
    const POLICY: Policy = Policy { burst: 1, max_active: 10, ..Policy::for_testing() };

    fn observation(epoch: u8, root: Option<u8>) -> Box<Observation> {
        let mut room = Room::default();
        let plan = SalePlan {
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
        let stamp = StateVersion { epoch: vec![epoch], revision: room.revision() };
        let frozen_in = root.map(|epoch| vec![epoch]);
        Box::new(Observation { stamp, memory: room.memory().unwrap(), frozen_in, intact: 7, has_copy: false })
    }

    fn knowing(epoch: u8) -> Replica {
        let mut replica = Replica::default();
        replica.observe(*observation(epoch, None));
        replica
    }

    /// Replies one after the other; the last thing that is wanted.
    fn after(replica: &mut Replica, replies: Vec<Reply<&'static str>>) -> Next<&'static str> {
        let (mut exchange, call) = Exchange::begin(true, replica);
        replies.into_iter().fold(Next::Call(call), |_, reply| exchange.replied(reply, &VIEW, replica))
    }

    #[test]
    fn what_is_lost_is_put_back_before_it_is_asked_again() {
        let mut replica = knowing(1);
        let refill = Call::RestoreEntries { from: 7, is_under_root: false };
        let lost = || vec![Reply::Lost("lost"), Reply::Done];
        assert_eq!(after(&mut replica.clone(), vec![Reply::Lost("lost")]), Next::Call(Call::Restore));
        assert_eq!(after(&mut replica.clone(), lost()), Next::Call(Call::ObserveAfterRestore));
        let mut put_back = lost();
        put_back.push(Reply::Looked(observation(2, None)));
        assert_eq!(after(&mut replica.clone(), put_back.clone()), Next::Call(refill));
        put_back.extend([Reply::EntriesRestored { too_late: false }, Reply::Looked(observation(2, None))]);
        assert_eq!(after(&mut replica, put_back), Next::Answer(Ok(Outcome::Done)));
        assert_eq!(replica.backlog_from, None);
    }

    #[test]
    fn a_look_that_fails_leaves_the_loss_to_be_noticed_again() {
        let mut replica = knowing(1);
        let failed = vec![Reply::Lost("lost"), Reply::Done, Reply::Failed("silence")];
        assert_eq!(after(&mut replica, failed), Next::Answer(Err("silence")));
        assert!(is_lost(replica.stamp.as_ref(), Some(&observation(2, None).stamp)));
    }

    #[test]
    fn entries_that_could_not_be_put_back_are_a_backlog() {
        let mut replica = knowing(1);
        let failed =
            vec![Reply::Lost("lost"), Reply::Done, Reply::Looked(observation(2, None)), Reply::Failed("silence")];
        assert_eq!(after(&mut replica, failed), Next::Answer(Err("silence")));
        let (_, first) = Exchange::begin(false, &replica);
        assert_eq!(first, Call::RestoreEntries { from: 7, is_under_root: false });
        assert_eq!(after(&mut replica, vec![Reply::EntriesRestored { too_late: true }]), Next::Call(Call::Look));
        assert_eq!(replica.is_under_root, Some(false));
    }

    #[test]
    fn the_copy_of_a_frozen_roster_is_put_back_where_there_is_one() {
        let mut copied = observation(2, Some(1));
        copied.has_copy = true;
        copied.memory.frozen.as_mut().unwrap().entries = 9;
        let lost = || vec![Reply::Lost("lost"), Reply::Done, Reply::Looked(copied.clone())];
        assert_eq!(after(&mut knowing(1), lost()), Next::Call(Call::RestoreRoster { from: 7 }));

        let (mut replica, mut put_back) = (knowing(1), lost());
        put_back.push(Reply::Done);
        assert_eq!(after(&mut replica, put_back), Next::Call(Call::Look));
        assert_eq!(replica.backlog_from, None);

        let (mut replica, mut damaged) = (knowing(1), lost());
        damaged.push(Reply::NoCopy);
        assert_eq!(after(&mut replica, damaged), Next::Call(Call::RestoreEntries { from: 7, is_under_root: true }));

        let mut replica = knowing(1);
        after(&mut replica, lost());
        assert_eq!(Exchange::begin(false, &replica).1, Call::RestoreRoster { from: 7 }, "the backlog comes first");
        copied.intact = 9;
        replica.observe(*copied.clone());
        assert_eq!(Exchange::begin(false, &replica).1, Call::Ask, "another edge has put it back");
    }

    #[test]
    fn entries_are_under_a_root_that_was_made_of_the_state_that_had_them_all() {
        for (frozen_in, expected) in [(1, Some(true)), (2, Some(false))] {
            let mut replica = knowing(1);
            let lost = vec![Reply::Lost("lost"), Reply::Done, Reply::Looked(observation(2, Some(frozen_in)))];
            let next = after(&mut replica, lost);
            assert_eq!(replica.is_under_root, expected);
            let refill = Call::RestoreEntries { from: 7, is_under_root: true };
            assert_eq!(next, Next::Call(if expected == Some(true) { refill } else { Call::Look }));
        }
    }
}
