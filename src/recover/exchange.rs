//! How an edge asks a store that may have lost the room: one request as the calls that it takes, one after another. Pure;
//! the task of a room in Redis makes the calls, and so does the simulator.
//!
//! Guarantees: a store that has lost something is told all that this edge knows, and is asked again only then; nothing is
//! answered before this edge has noted it, entries of the pool on its disk included.

use super::{Knowledge, Stamp};
use crate::room::{Command, Memory, Outcome};

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
    /// Take back the entries that this edge has answered. `knew_root`: they were all in the roster when its root was made.
    Refill {
        /// Whether they were.
        knew_root: bool,
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
    Looked(Stamp, Box<Memory>),
    /// To any other call: done.
    Done,
    /// The state is another one than this edge knows, or older; nothing was done.
    Lost(E),
    /// It was refused, or nobody knows what came of it.
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
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Asking {
        again: bool,
    },
    Restoring {
        knew_root: bool,
    },
    LookingAround {
        knew_root: bool,
    },
    Refilling,
    /// Of which draw the answers are has to be known before they are noted.
    LookingFirst(Outcome),
    Writing(Outcome),
    LookingAfter(Outcome),
}

impl Exchange {
    /// Begins a request with its first call; `is_view`: it asks for nothing but how the room stands.
    #[must_use]
    pub fn begin(is_view: bool) -> (Self, Call) {
        let exchange = Self { is_view, step: Step::Asking { again: false } };
        let call = exchange.ask();
        (exchange, call)
    }

    /// Goes on after a call.
    pub fn replied<E>(&mut self, reply: Reply<E>, command: &Command, knowledge: &mut Knowledge) -> Next<E> {
        let outcome = match reply {
            Reply::Looked(stamp, memory) => {
                knowledge.saw(stamp, *memory);
                Ok(Outcome::Done)
            }
            Reply::Answered(outcome) => Ok(outcome),
            Reply::Done => Ok(Outcome::Done),
            Reply::Lost(_) if self.step == (Step::Asking { again: false }) => {
                return self.call(Step::Restoring { knew_root: knowledge.knew_root() }, Call::Restore);
            }
            Reply::Lost(error) | Reply::Failed(error) => Err(error),
        };
        match (self.step.clone(), outcome) {
            (Step::Asking { .. }, Ok(outcome)) => self.note(outcome, command, knowledge),
            (Step::Restoring { knew_root }, Ok(_)) => {
                // Whatever state it is now, it is the one to go on with.
                knowledge.stamp = None;
                self.call(Step::LookingAround { knew_root }, Call::LookAround)
            }
            (Step::LookingAround { knew_root }, Ok(_)) if knowledge.knew_root() && !knew_root => {
                knowledge.came_too_late = true;
                self.ask_again()
            }
            (Step::LookingAround { knew_root }, Ok(_)) => self.call(Step::Refilling, Call::Refill { knew_root }),
            (Step::Refilling, Ok(_)) => self.ask_again(),
            // A look that fails is made again with the next request.
            (Step::LookingFirst(outcome), _) => self.write(outcome, command, knowledge),
            (Step::Writing(outcome), _) if knowledge.needs_look(&outcome) => {
                self.call(Step::LookingAfter(outcome), Call::Look)
            }
            (Step::Writing(outcome) | Step::LookingAfter(outcome), _) => Next::Answer(Ok(outcome)),
            (_, Err(error)) => Next::Answer(Err(error)),
        }
    }

    /// Remembers what this edge is about to answer.
    fn note<E>(&mut self, outcome: Outcome, command: &Command, knowledge: &mut Knowledge) -> Next<E> {
        if knowledge.memory.is_none() || matches!(command, Command::Schedule(_)) {
            return self.call(Step::LookingFirst(outcome), Call::Look);
        }
        self.write(outcome, command, knowledge)
    }

    fn write<E>(&mut self, outcome: Outcome, command: &Command, knowledge: &mut Knowledge) -> Next<E> {
        knowledge.answered(command, &outcome);
        match outcome {
            Outcome::Entered(_) => self.call(Step::Writing(outcome), Call::Write),
            _ => Next::Answer(Ok(outcome)),
        }
    }

    fn ask_again<E>(&mut self) -> Next<E> {
        self.step = Step::Asking { again: true };
        Next::Call(self.ask())
    }

    fn ask(&self) -> Call {
        if self.is_view { Call::Look } else { Call::Ask }
    }

    fn call<E>(&mut self, step: Step, call: Call) -> Next<E> {
        self.step = step;
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
