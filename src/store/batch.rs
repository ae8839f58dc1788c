//! Requests that waited at the same moment, put together.
//!
//! Neighbours of a kind become one command: their order stays, each asker gets its own part of the answer, and the room
//! sees one `Enter` where a thousand fans came. Nobody has been answered yet, so nobody can tell the difference.

use std::mem::discriminant;
use std::ops::Range;

use tokio::sync::oneshot;

use crate::room::{BATCH_MAX, Command, Outcome, Refusal, View};
use crate::store::StoreError;

/// How an answer gets back; the asker may have gone away.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What one asker wants.
#[derive(Debug)]
pub(super) enum Request {
    /// To have a command applied.
    Apply(Command, Reply<Outcome>),
    /// To see the room.
    View(Reply<View>),
}

/// One command to the room, and who waits for it.
#[derive(Debug)]
pub(super) struct Step {
    /// The command.
    pub(super) command: Command,
    askers: Askers,
}

#[derive(Debug)]
enum Askers {
    /// How many of the command's fans each of them named, and how to answer.
    Commands(Vec<(usize, Reply<Outcome>)>),
    Views(Vec<Reply<View>>),
}

impl Step {
    /// A step of one request.
    fn new(request: Request) -> Self {
        match request {
            Request::Apply(command, reply) => {
                let askers = Askers::Commands(vec![(command.fans(), reply)]);
                Self { command, askers }
            }
            Request::View(reply) => Self { command: Command::Tick, askers: Askers::Views(vec![reply]) },
        }
    }

    /// Whether another request can be answered by the same command.
    fn takes(&self, request: &Request) -> bool {
        match (&self.askers, request) {
            (Askers::Views(_), Request::View(_)) => true,
            (Askers::Commands(_), Request::Apply(command, _)) => {
                is_list(command)
                    && discriminant(&self.command) == discriminant(command)
                    && self.command.fans() + command.fans() <= BATCH_MAX
            }
            _ => false,
        }
    }

    /// Takes another request in.
    fn join(&mut self, request: Request) {
        match (&mut self.askers, request) {
            (Askers::Views(views), Request::View(reply)) => views.push(reply),
            (Askers::Commands(askers), Request::Apply(command, reply)) => {
                askers.push((command.fans(), reply));
                append(&mut self.command, command);
            }
            _ => debug_assert!(false, "only what a step takes is joined to it"),
        }
    }
}

/// Puts neighbours of a kind together.
pub(super) fn put_together(requests: impl IntoIterator<Item = Request>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for request in requests {
        match steps.last_mut().filter(|step| step.takes(&request)) {
            Some(step) => step.join(request),
            None => steps.push(Step::new(request)),
        }
    }
    steps
}

/// What the askers of a step are told once it is durable.
#[derive(Debug)]
pub(super) struct Answer {
    askers: Askers,
    outcome: Result<Outcome, Refusal>,
    view: Option<View>,
}

impl Step {
    /// How many commands were asked for; a look at the room is none.
    pub(super) fn commands(&self) -> u64 {
        match &self.askers {
            Askers::Commands(askers) => askers.len() as u64,
            Askers::Views(_) => 0,
        }
    }

    /// Whether the askers want to see the room.
    pub(super) fn is_view(&self) -> bool {
        matches!(self.askers, Askers::Views(_))
    }

    /// Keeps the outcome until it may be told; a view is taken only where someone asked for it.
    pub(super) fn answer(self, outcome: Result<Outcome, Refusal>, view: impl FnOnce() -> Option<View>) -> Answer {
        let view = self.is_view().then(view).flatten();
        Answer { askers: self.askers, outcome, view }
    }

    /// Tells the askers that the step did not happen.
    pub(super) fn fail(self, why: &str) {
        self.answer(Ok(Outcome::Done), || None).fail(why);
    }
}

impl Answer {
    /// Tells everyone.
    pub(super) fn send(self) {
        match self.askers {
            Askers::Views(replies) => {
                let view = self.outcome.and_then(|_| self.view.ok_or(Refusal::NotScheduled));
                replies.into_iter().for_each(|reply| tell(reply, view.clone().map_err(StoreError::from)));
            }
            Askers::Commands(askers) => {
                let mut at = 0;
                for (count, reply) in askers {
                    tell(reply, self.outcome.as_ref().map(|all| part(all, at..at + count)).map_err(refused));
                    at += count;
                }
            }
        }
    }

    /// Tells everyone that the step could not be made durable.
    pub(super) fn fail(self, why: &str) {
        let error = || StoreError::Unavailable(why.to_owned());
        match self.askers {
            Askers::Views(replies) => replies.into_iter().for_each(|reply| tell(reply, Err(error()))),
            Askers::Commands(askers) => askers.into_iter().for_each(|(_, reply)| tell(reply, Err(error()))),
        }
    }
}

/// An asker who has gone away needs no answer.
fn tell<T>(reply: Reply<T>, answer: Result<T, StoreError>) {
    drop(reply.send(answer));
}

/// Whether a command is a list of fans, each of whom is answered.
fn is_list(command: &Command) -> bool {
    use Command::{Claim, Enter, Leave, Release, Renew};
    matches!(command, Enter(_) | Claim(_) | Renew(_) | Release(_) | Leave(_))
}

/// Puts the fans of a command behind those of another of its kind.
fn append(to: &mut Command, command: Command) {
    match (to, command) {
        (Command::Enter(all), Command::Enter(more)) => all.extend(more),
        (Command::Claim(all), Command::Claim(more)) => all.extend(more),
        (Command::Renew(all), Command::Renew(more))
        | (Command::Release(all), Command::Release(more))
        | (Command::Leave(all), Command::Leave(more)) => all.extend(more),
        _ => debug_assert!(false, "only lists of a kind are put together"),
    }
}

fn refused(refusal: &Refusal) -> StoreError {
    refusal.clone().into()
}

/// One asker's part of an outcome.
fn part(all: &Outcome, range: Range<usize>) -> Outcome {
    match all {
        Outcome::Entered(positions) => Outcome::Entered(positions[range].to_vec()),
        Outcome::Claimed(outcomes) => Outcome::Claimed(outcomes[range].to_vec()),
        Outcome::Renewed(outcomes) => Outcome::Renewed(outcomes[range].to_vec()),
        Outcome::Done => Outcome::Done,
    }
}
