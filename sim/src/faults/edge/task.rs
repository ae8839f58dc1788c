//! The way to the store: one request after another, each as the calls that [`Exchange`] wants.

use std::collections::{BTreeMap, VecDeque};

use fairgate_core::recovery::{Call, Exchange, Next, Observation, Replica, Reply};
use fairgate_core::room::{Command, Outcome, Refusal, View};

use super::super::limit::List;
use super::super::messages::{Request, Response};
use super::super::sabotage::Sabotage;
use super::beat::Beat;
use super::tiers::answered;
use super::{Effect, Kind, Process, Wake};

/// How long one answer of the store may take, as the link to Redis has it.
const REPLY_WITHIN_MS: u64 = 1_000;

/// A call to the store; its reply has the same number.
pub(crate) type CallNumber = u64;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Failure {
    Refused(Refusal),
    Unavailable,
}

/// Who waits for a request's answer.
#[derive(Clone, Debug)]
pub(super) enum Asker {
    /// Fans whose calls were gathered.
    Fans(Kind, Vec<u64>),
    /// A fan who gives up the place.
    Leaver(u64),
    /// A fan whose place moves.
    Mover(u64),
    /// Nobody.
    Nobody,
    /// The heartbeat.
    Beat(Beat),
}

/// Requests for the room, one under way and the others waiting.
#[derive(Debug)]
pub(super) struct Task {
    replica: Replica,
    waiting: VecDeque<(Option<Command>, Asker)>,
    current: Option<Current>,
    /// Rosters that are being read, past the fence, and what for.
    reading: BTreeMap<CallNumber, Beat>,
    calls: CallNumber,
}

#[derive(Debug)]
struct Current {
    exchange: Exchange,
    call: Call,
    number: CallNumber,
    command: Command,
    asker: Asker,
    view: Option<View>,
}

impl Task {
    pub(super) fn new(replica: Replica) -> Self {
        Self { replica, waiting: VecDeque::new(), current: None, reading: BTreeMap::new(), calls: 0 }
    }

    pub(super) fn list(&self) -> Option<List> {
        self.replica.memory.as_ref().and_then(List::of)
    }

    /// The root that is public, or that over the roots of all tiers.
    pub(super) fn root(&self) -> Option<[u8; 32]> {
        self.replica.memory.as_ref()?.frozen.map(|frozen| frozen.root)
    }

    fn has_tiers(&self) -> bool {
        self.replica.memory.as_ref().is_some_and(|memory| memory.tiers.is_some())
    }

    fn next_number(&mut self) -> CallNumber {
        self.calls += 1;
        self.calls
    }
}

impl Process {
    /// Has the store asked; without a command: how the room stands.
    pub(super) fn ask(&mut self, command: Option<Command>, asker: Asker) {
        self.task.waiting.push_back((command, asker));
        self.serve_next();
    }

    /// Has the roster read.
    pub(super) fn read(&mut self, entries: u64, then: Beat) {
        let number = self.task.next_number();
        self.task.reading.insert(number, then);
        self.send(number, None, Request::Roster { entries });
    }

    /// Has rosters and tags of all tiers read.
    pub(super) fn read_lists(&mut self, then: Beat) {
        let number = self.task.next_number();
        self.task.reading.insert(number, then);
        self.send(number, None, Request::TierLists);
    }

    /// A reply of the store has come.
    pub(crate) fn replied(&mut self, number: CallNumber, response: Response) {
        if let Some(then) = self.task.reading.remove(&number) {
            return self.roster_read(then, Some(response));
        }
        let takes_any = self.sabotage == Some(Sabotage::MixedReplies);
        let Some(current) = self.task.current.as_mut().filter(|current| takes_any || current.number == number) else {
            return;
        };
        let reply = match (response, current.call) {
            (Response::Outcome(outcome), Call::Ask) => Reply::Answered(outcome),
            (Response::Look(look), Call::Look | Call::ObserveAfterRestore) => {
                self.time.observe(look.server_ms, look.view.now_ms);
                current.view = Some(look.view);
                let frozen = look.observation.memory.frozen;
                let has_copy = frozen.is_some_and(|frozen| self.disk.has_copy(&frozen.root));
                Reply::Looked(Box::new(Observation { has_copy, ..look.observation }))
            }
            (Response::Done, Call::Restore | Call::RestoreRoster { .. }) => Reply::Done,
            (Response::EntriesRestored { too_late }, Call::RestoreEntries { .. }) => {
                Reply::EntriesRestored { too_late }
            }
            (Response::Lost, _) => Reply::Lost(Failure::Unavailable),
            (Response::Refused(refusal), _) => Reply::Failed(Failure::Refused(refusal)),
            _ => return,
        };
        self.go_on(reply);
    }

    /// No reply has come in time.
    pub(super) fn no_reply(&mut self, number: CallNumber) {
        if let Some(then) = self.task.reading.remove(&number) {
            self.roster_read(then, None);
        } else if self.task.current.as_ref().is_some_and(|current| current.number == number) {
            self.go_on(Reply::Failed(Failure::Unavailable));
        }
    }

    fn serve_next(&mut self) {
        if self.task.current.is_some() {
            return;
        }
        let Some((command, asker)) = self.task.waiting.pop_front() else { return };
        let (exchange, call) = Exchange::begin(command.is_none(), &self.task.replica);
        let command = command.unwrap_or(Command::Tick);
        self.task.current = Some(Current { exchange, call, number: 0, command, asker, view: None });
        self.make_call(call);
    }

    /// Makes the call that the exchange wants.
    fn make_call(&mut self, call: Call) {
        let number = self.task.next_number();
        let has_tiers = self.task.has_tiers();
        let Some(current) = &mut self.task.current else { return };
        (current.call, current.number) = (call, number);
        let request = match call {
            Call::Ask => Request::Apply(current.command.clone()),
            Call::Look | Call::ObserveAfterRestore => Request::View,
            Call::Restore => Request::Restore(Box::new(self.task.replica.clone())),
            Call::RestoreEntries { is_under_root, .. } if has_tiers => {
                Request::RestoreTiers { entries: self.disk.answered().to_vec(), is_under_root }
            }
            Call::RestoreRoster { .. } if has_tiers => match self.put_back_lists() {
                Some(request) => request,
                None => return self.go_on(Reply::NoCopy),
            },
            Call::RestoreEntries { from, is_under_root } => {
                Request::RestoreEntries { entries: self.disk.entries(from, self.sabotage), is_under_root }
            }
            Call::RestoreRoster { from } => match self.put_back(from) {
                Some(request) => request,
                None => return self.go_on(Reply::NoCopy),
            },
            Call::Write => {
                if let (Command::Enter(entries), Some(Outcome::Entered(positions))) =
                    (&current.command, current.exchange.outcome())
                {
                    self.disk.note(entries, positions);
                }
                if let (Command::Arrive(arrivals), Some(Outcome::Arrived(arrived))) =
                    (&current.command, current.exchange.outcome())
                {
                    self.disk.note_answered(answered(arrivals, arrived));
                }
                return self.go_on(Reply::Done);
            }
        };
        if let Request::RestoreEntries { entries, .. } = &request {
            let count = entries.len();
            self.say(format_args!("puts back {count} entries from its disk"));
        }
        let stamp = self.task.replica.stamp.clone().filter(|_| call != Call::ObserveAfterRestore);
        self.send(number, stamp, request);
    }

    /// The frozen roster from an index on, if there is a copy of it.
    fn put_back(&mut self, from: u64) -> Option<Request> {
        let root = self.task.replica.memory.as_ref()?.frozen?.root;
        let entries = self.disk.copy(&root)?.get(usize::try_from(from).ok()?..)?.to_vec();
        self.say(format_args!("puts back the frozen roster from entry {from} on"));
        Some(Request::PutBack { root, from, entries })
    }

    fn send(&mut self, number: CallNumber, stamp: Option<fairgate_core::recovery::StateVersion>, request: Request) {
        let time = self.call_time(&request);
        self.effects.push(Effect::Call { number, stamp, time, request });
        self.wake_after(REPLY_WITHIN_MS, Wake::NoReply(number));
    }

    fn go_on(&mut self, reply: Reply<Failure>) {
        let Some(current) = &mut self.task.current else { return };
        match current.exchange.replied(reply, &current.command, &mut self.task.replica) {
            Next::Call(call) => self.make_call(call),
            Next::Answer(outcome) => {
                self.disk.save(&self.task.replica, self.now_ms);
                if let Some(Current { asker, command, view, .. }) = self.task.current.take() {
                    self.answered(asker, &command, outcome, view);
                }
                self.serve_next();
            }
        }
    }

    fn answered(&mut self, asker: Asker, command: &Command, outcome: Result<Outcome, Failure>, view: Option<View>) {
        match asker {
            Asker::Fans(kind, asks) => self.fans_answered(kind, &asks, command, outcome),
            Asker::Leaver(ask) => self.leaver_answered(ask, &outcome),
            Asker::Mover(ask) => self.mover_answered(ask, &outcome),
            Asker::Nobody => {}
            Asker::Beat(beat) => self.beat_answered(beat, outcome, view),
        }
    }
}
