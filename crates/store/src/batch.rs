//! Requests that waited at the same moment, put together.
//!
//! Neighbours of a kind become one command. Their order stays, and each asker gets its own part of the answer. The
//! room sees one `Enter` where a thousand fans came. Nobody has been answered yet, so nobody can tell the difference.

use std::mem::discriminant;
use std::ops::Range;

use fairgate_core::room::{Arrival, Arrived, BATCH_MAX, Command, Entry, Outcome, Refusal, Spot, View};
use tokio::sync::oneshot;

use crate::{CountedNetwork, Joined, Joiner, StoreError};

/// How an answer gets back; the asker may have gone away.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What one asker wants.
#[derive(Debug)]
pub(super) enum Request {
    /// To have a command applied.
    Apply(Command, Reply<Outcome>),
    /// To have fans join, as far as their networks may.
    Join(Vec<Joiner>, Reply<Vec<Joined>>),
    /// The same in a room with tiers.
    Arrive(Vec<Joiner<Arrival>>, Reply<Vec<Joined<Arrived>>>),
    /// To see the room.
    View(Reply<View>),
}

/// One command to the room, and who waits for it.
#[derive(Debug)]
pub(super) struct Step {
    /// The command.
    pub(super) command: Command,
    askers: Askers,
    joins: Joins,
}

/// Those of an `Enter` or `Arrive` whose networks are counted.
#[derive(Debug, Default)]
struct Joins {
    /// Each with its networks, for as many entries as the command has.
    networks: Vec<Vec<CountedNetwork>>,
    /// Who was turned away: which of all that were asked for, and for how long.
    over: Vec<(usize, u64)>,
}

#[derive(Debug)]
enum Askers {
    /// How many fans each of them named, and how to answer.
    Joins(Vec<(usize, Reply<Vec<Joined>>)>),
    /// The same in a room with tiers.
    Arrivals(Vec<(usize, Reply<Vec<Joined<Arrived>>>)>),
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
                Self { command, askers, joins: Joins::default() }
            }
            Request::Join(joiners, reply) => {
                let askers = Askers::Joins(vec![(joiners.len(), reply)]);
                let (entries, networks) = apart(joiners);
                Self { command: Command::Enter(entries), askers, joins: Joins { networks, over: Vec::new() } }
            }
            Request::Arrive(comers, reply) => {
                let askers = Askers::Arrivals(vec![(comers.len(), reply)]);
                let (arrivals, networks) = apart(comers);
                Self { command: Command::Arrive(arrivals), askers, joins: Joins { networks, over: Vec::new() } }
            }
            Request::View(reply) => {
                Self { command: Command::Tick, askers: Askers::Views(vec![reply]), joins: Joins::default() }
            }
        }
    }

    /// The networks of each entry of a command whose joins are counted; none for any other command.
    pub(super) fn networks(&self) -> Option<&[Vec<CountedNetwork>]> {
        matches!(self.askers, Askers::Joins(_) | Askers::Arrivals(_)).then_some(&self.joins.networks)
    }

    /// Goes on without those who were turned away: their place in the command, ascending, and for how long.
    pub(super) fn turn_away(&mut self, over: Vec<(usize, u64)>) {
        let mut at = 0..;
        let mut stays = || {
            let at = at.next();
            over.binary_search_by_key(&at, |(over, _)| Some(*over)).is_err()
        };
        match &mut self.command {
            Command::Enter(entries) => entries.retain(|_| stays()),
            Command::Arrive(arrivals) => arrivals.retain(|_| stays()),
            _ => return,
        }
        self.joins.over = over;
    }

    /// True if another request can be answered by the same command.
    fn takes(&self, request: &Request) -> bool {
        match (&self.askers, request) {
            (Askers::Views(_), Request::View(_)) => true,
            (Askers::Joins(_), Request::Join(joiners, _)) => self.command.fans() + joiners.len() <= BATCH_MAX,
            (Askers::Arrivals(_), Request::Arrive(comers, _)) => self.command.fans() + comers.len() <= BATCH_MAX,
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
            (Askers::Joins(askers), Request::Join(joiners, reply)) => {
                askers.push((joiners.len(), reply));
                let (entries, networks) = apart(joiners);
                append(&mut self.command, Command::Enter(entries));
                self.joins.networks.extend(networks);
            }
            (Askers::Arrivals(askers), Request::Arrive(comers, reply)) => {
                askers.push((comers.len(), reply));
                let (arrivals, networks) = apart(comers);
                append(&mut self.command, Command::Arrive(arrivals));
                self.joins.networks.extend(networks);
            }
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
    over: Vec<(usize, u64)>,
    outcome: Result<Outcome, Refusal>,
    view: Option<View>,
}

impl Step {
    /// How many commands were asked for; a look at the room is none.
    pub(super) fn commands(&self) -> u64 {
        match &self.askers {
            Askers::Commands(askers) => askers.len() as u64,
            Askers::Joins(askers) => askers.len() as u64,
            Askers::Arrivals(askers) => askers.len() as u64,
            Askers::Views(_) => 0,
        }
    }

    /// True if the askers want to see the room.
    pub(super) fn is_view(&self) -> bool {
        matches!(self.askers, Askers::Views(_))
    }

    /// Keeps the outcome until it may be told; a view is taken only where someone asked for it.
    pub(super) fn answer(self, outcome: Result<Outcome, Refusal>, view: impl FnOnce() -> Option<View>) -> Answer {
        let view = self.is_view().then(view).flatten();
        Answer { askers: self.askers, over: self.joins.over, outcome, view }
    }

    /// Tells the askers that the step did not happen.
    pub(super) fn fail(self, why: &str) {
        self.answer(Ok(Outcome::Done), || None).fail(why);
    }
}

impl Answer {
    /// Fills in the entries of those who came again, by whoever keeps the rosters.
    pub(super) fn fill_in(&mut self, entry_at: impl Fn(Spot) -> Option<Entry>) {
        let Ok(Outcome::Arrived(arrived)) = &mut self.outcome else { return };
        for one in arrived {
            if let Arrived::Again { at, entry, .. } = one {
                *entry = entry_at(*at);
            }
        }
    }

    /// Tells everyone.
    pub(super) fn send(self) {
        match self.askers {
            Askers::Views(replies) => {
                let view = self.outcome.and_then(|_| self.view.ok_or(Refusal::NotScheduled));
                replies.into_iter().for_each(|reply| tell(reply, view.clone().map_err(StoreError::from)));
            }
            Askers::Joins(askers) => {
                let positions = self.outcome.map(|outcome| match outcome {
                    Outcome::Entered(positions) => positions,
                    _ => Vec::new(),
                });
                tell_each(askers, positions, &self.over);
            }
            Askers::Arrivals(askers) => {
                let arrived = self.outcome.map(|outcome| match outcome {
                    Outcome::Arrived(arrived) => arrived,
                    _ => Vec::new(),
                });
                tell_each(askers, arrived, &self.over);
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
            Askers::Joins(askers) => askers.into_iter().for_each(|(_, reply)| tell(reply, Err(error()))),
            Askers::Arrivals(askers) => askers.into_iter().for_each(|(_, reply)| tell(reply, Err(error()))),
            Askers::Commands(askers) => askers.into_iter().for_each(|(_, reply)| tell(reply, Err(error()))),
        }
    }
}

/// An asker who has gone away needs no answer.
fn tell<T>(reply: Reply<T>, answer: Result<T, StoreError>) {
    drop(reply.send(answer));
}

/// True if a command is a list of fans, each of whom is answered.
fn is_list(command: &Command) -> bool {
    use Command::{Arrive, Claim, ClaimTiers, Enter, Leave, Release, Renew};
    matches!(command, Enter(_) | Arrive(_) | Claim(_) | ClaimTiers(_) | Renew(_) | Release(_) | Leave(_))
}

/// Puts the fans of a command behind those of another of its kind.
fn append(to: &mut Command, command: Command) {
    match (to, command) {
        (Command::Enter(all), Command::Enter(more)) => all.extend(more),
        (Command::Arrive(all), Command::Arrive(more)) => all.extend(more),
        (Command::Claim(all), Command::Claim(more)) => all.extend(more),
        (Command::ClaimTiers(all), Command::ClaimTiers(more)) => all.extend(more),
        (Command::Renew(all), Command::Renew(more))
        | (Command::Release(all), Command::Release(more))
        | (Command::Leave(all), Command::Leave(more)) => all.extend(more),
        _ => debug_assert!(false, "only lists of a kind are put together"),
    }
}

/// What fans who join bring, and the networks of each.
fn apart<E>(joiners: Vec<Joiner<E>>) -> (Vec<E>, Vec<Vec<CountedNetwork>>) {
    joiners.into_iter().map(|joiner| (joiner.entry, joiner.networks)).unzip()
}

/// Tells each asker what became of its own fans: in order, those who were turned away in between.
fn tell_each<P>(askers: Vec<(usize, Reply<Vec<Joined<P>>>)>, came: Result<Vec<P>, Refusal>, over: &[(usize, u64)]) {
    let mut joined = came.map(|came| joined(came, over).into_iter());
    for (count, reply) in askers {
        let own = joined.as_mut().map(|joined| joined.take(count).collect());
        tell(reply, own.map_err(|refusal| refused(refusal)));
    }
}

/// What became of everyone: the numbers of those who were not turned away, and in between those who were.
fn joined<P>(came: Vec<P>, over: &[(usize, u64)]) -> Vec<Joined<P>> {
    let (mut came, mut over) = (came.into_iter(), over.iter().peekable());
    let one = |at| match over.next_if(|(over, _)| *over == at) {
        Some((_, retry_after_ms)) => Some(Joined::Over { retry_after_ms: *retry_after_ms }),
        None => came.next().map(Joined::At),
    };
    (0..).map_while(one).collect()
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
        Outcome::Arrived(arrived) => Outcome::Arrived(arrived[range].to_vec()),
        Outcome::Moved(outcome) => Outcome::Moved(*outcome),
        Outcome::Done => Outcome::Done,
    }
}
