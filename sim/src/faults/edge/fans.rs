//! Fans' calls: answered from memory, or gathered into calls of the store.

use std::collections::VecDeque;
use std::rc::Rc;

use fairgate::edge::{ANSWER_WITHIN, BATCH_MAX, GATHER, QUEUE_MAX, Verdict};
use fairgate_core::room::{
    Arrival, ClaimOutcome, Claimant, Command, Entry, Holder, KeyName, Move, MoveOutcome, Outcome, Position, Refusal,
    RenewOutcome, TierClaimant,
};
use fairgate_token::{Gate, Pass, SessionId, Terms, Ticket};
use rand::RngExt;

use super::super::one_entry::spot;
use super::super::people::Person;
use super::super::sabotage::Sabotage;
use super::task::{Asker, Failure};
use super::tiers::arrival;
use super::{Effect, Process, Shown, Wake};

/// How often a place may move.
const MOVES_MAX: u8 = 1;

/// What a fan asks of an edge.
#[derive(Clone, Debug)]
pub(crate) enum FanCall {
    Status,
    Join {
        nonce: [u8; 16],
        ticket: Option<Ticket>,
        /// Who comes, in a room that asks for an identity.
        person: Option<Person>,
    },
    Claim {
        ticket: Ticket,
        /// The key that is proved, where places are bound to keys.
        key: Option<KeyName>,
    },
    /// The place moves to another key. The device that has it has offered it, and the other one has accepted.
    Move {
        ticket: Ticket,
        /// The key that has it, and the one that gets it.
        keys: [KeyName; 2],
    },
    Leave {
        ticket: Ticket,
    },
    /// A page of the shop; `is_done`: the shop says that the fan is.
    Visit {
        pass: Pass,
        is_done: bool,
    },
}

/// What an edge answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(Rc<Shown>),
    Joined(Ticket),
    Admitted {
        pass: Pass,
        admitted_at_ms: u64,
    },
    /// 202: not called yet, or no room.
    Wait {
        is_called: bool,
        retry_after_ms: u64,
    },
    /// The place is the other device's.
    Moved,
    /// 409: it has moved to another device before.
    Elsewhere,
    /// 409 or 410.
    Lost(u16),
    /// Not now.
    Fail(u16),
    Left,
    /// The shop's page, with a new pass where it was renewed.
    Inside(Option<Pass>),
    /// The waiting page instead.
    Outside,
}

/// Calls that are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Joins,
    Claims,
    Renewals,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Joins, Self::Claims, Self::Renewals];
}

/// A call that is still to be answered.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) fan: usize,
    pub(super) ask: u64,
    pub(super) subject: Subject,
}

#[derive(Clone, Debug)]
pub(super) enum Subject {
    Join([u8; 32], Entry),
    Arrive([u8; 32], Arrival),
    Claim(Ticket, Claimant),
    ClaimTier(Ticket, TierClaimant, Option<Holder>),
    Move,
    Renew(Pass),
    Leave,
}

/// Calls of a kind that wait for the store: one call of it is under way at most, and a busy queue gathers.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<u64>,
    is_busy: bool,
    was_many: bool,
}

impl Process {
    /// A fan's call has come.
    pub(crate) fn called(&mut self, fan: usize, ask: u64, call: FanCall) {
        let Some(shown) = self.shown.clone() else { return self.answer(fan, ask, Answer::Fail(503)) };
        let standing = &shown.standing;
        match call {
            FanCall::Status => self.answer(fan, ask, Answer::Status(shown)),
            FanCall::Join { ticket: Some(ticket), .. } if standing.has_draw_of(&ticket) => {
                self.answer(fan, ask, Answer::Joined(ticket));
            }
            FanCall::Join { nonce, person, .. } => match standing.refuses_joins(self.clock_ms()) {
                Some(Refusal::Ended) => self.answer(fan, ask, Answer::Lost(410)),
                Some(_) => self.answer(fan, ask, Answer::Fail(503)),
                None => {
                    let draw = standing.view.draw.descriptor_digest;
                    let subject = match person {
                        Some(person) => Subject::Arrive(draw, arrival(&draw, nonce, person)),
                        None => Subject::Join(draw, standing.entry(&nonce)),
                    };
                    self.gather(Kind::Joins, Open { fan, ask, subject });
                }
            },
            FanCall::Claim { ticket, .. } | FanCall::Move { ticket, .. } | FanCall::Leave { ticket }
                if !standing.has_draw_of(&ticket) =>
            {
                self.answer(fan, ask, Answer::Lost(409));
            }
            FanCall::Claim { ticket, key } if ticket.of_tier.is_some() => {
                self.claim_in_tier(fan, ask, (ticket, key), &shown);
            }
            FanCall::Move { ticket, keys: [from, to] } => match spot(&ticket) {
                Some(at) => {
                    let open = self.open(Open { fan, ask, subject: Subject::Move });
                    self.ask(Some(Command::Move(Move { at, from, to, most: MOVES_MAX })), Asker::Mover(open));
                }
                None => self.answer(fan, ask, Answer::Lost(409)),
            },
            FanCall::Claim { ticket, .. } => match standing.claim(&ticket, None) {
                Verdict::Ask(claimant) => {
                    self.gather(Kind::Claims, Open { fan, ask, subject: Subject::Claim(ticket, claimant) });
                }
                Verdict::NotCalled { .. } => {
                    self.answer(fan, ask, Answer::Wait { is_called: false, retry_after_ms: 2_000 });
                }
                Verdict::OtherDraw => self.answer(fan, ask, Answer::Lost(409)),
            },
            FanCall::Leave { ticket } => match standing.place_of(&ticket) {
                Some(place) => {
                    let open = self.open(Open { fan, ask, subject: Subject::Leave });
                    self.ask(Some(Command::Leave(vec![place])), Asker::Leaver(open));
                }
                None => self.answer(fan, ask, Answer::Left),
            },
            FanCall::Visit { pass, is_done } => self.visit(fan, ask, pass, is_done, &shown),
        }
    }

    /// A request for the shop.
    fn visit(&mut self, fan: usize, ask: u64, pass: Pass, is_done: bool, shown: &Shown) {
        let view = &shown.standing.view;
        let gate = Gate { room: &self.plan.room, draw: Some(&view.draw.descriptor_digest), closed: &view.closed };
        if gate.check(&pass, self.clock_ms()).is_err() {
            return self.answer(fan, ask, Answer::Outside);
        }
        if is_done {
            self.ask(Some(Command::Release(vec![pass.place])), Asker::Nobody);
            return self.answer(fan, ask, Answer::Inside(None));
        }
        match pass.is_due(self.plan.policy.session_idle_ms, self.clock_ms()) {
            true => self.gather(Kind::Renewals, Open { fan, ask, subject: Subject::Renew(pass) }),
            false => self.answer(fan, ask, Answer::Inside(None)),
        }
    }

    pub(super) fn answer(&mut self, fan: usize, ask: u64, answer: Answer) {
        self.effects.push(Effect::Answer { fan, ask, answer });
    }

    fn open(&mut self, open: Open) -> u64 {
        self.opened += 1;
        self.open.insert(self.opened, open);
        self.wake_after(ANSWER_WITHIN.as_millis() as u64, Wake::NoAnswer(self.opened));
        self.opened
    }

    pub(super) fn gather(&mut self, kind: Kind, open: Open) {
        if self.queues[kind as usize].waiting.len() >= QUEUE_MAX {
            return self.answer(open.fan, open.ask, Answer::Fail(503));
        }
        let open = self.open(open);
        let queue = &mut self.queues[kind as usize];
        queue.waiting.push_back(open);
        if !queue.is_busy {
            self.begin(kind);
        }
    }

    /// Begins a call of the store for those who wait, at once or after gathering.
    fn begin(&mut self, kind: Kind) {
        let queue = &mut self.queues[kind as usize];
        queue.is_busy = true;
        match queue.was_many {
            true => self.wake_after(GATHER.as_millis() as u64, Wake::Gathered(kind)),
            false => self.gathered(kind),
        }
    }

    pub(super) fn gathered(&mut self, kind: Kind) {
        let queue = &mut self.queues[kind as usize];
        let count = queue.waiting.len().min(BATCH_MAX);
        let asks: Vec<u64> = queue.waiting.drain(..count).filter(|ask| self.open.contains_key(ask)).collect();
        queue.was_many = count > 1;
        if asks.is_empty() {
            return self.finish(kind);
        }
        let subjects = asks.iter().filter_map(|ask| self.open.get(ask)).map(|open| &open.subject);
        let command = command(kind, subjects);
        self.ask(Some(command), Asker::Fans(kind, asks));
    }

    fn finish(&mut self, kind: Kind) {
        let queue = &mut self.queues[kind as usize];
        queue.is_busy = false;
        if !queue.waiting.is_empty() {
            self.begin(kind);
        }
    }

    /// The store has not answered in time: the fan is told to come back.
    pub(super) fn no_answer(&mut self, open: u64) {
        if let Some(Open { fan, ask, subject }) = self.open.remove(&open) {
            let answer = if matches!(subject, Subject::Renew(_)) { Answer::Inside(None) } else { Answer::Fail(503) };
            self.answer(fan, ask, answer);
        }
    }

    pub(super) fn fans_answered(
        &mut self,
        kind: Kind,
        asks: &[u64],
        _command: &Command,
        outcome: Result<Outcome, Failure>,
    ) {
        for (at, ask) in asks.iter().enumerate() {
            // Who was told to come back gets no second answer.
            let Some(Open { fan, ask, subject }) = self.open.remove(ask) else { continue };
            let answer = match &outcome {
                Ok(outcome) => self.come_of(subject, outcome, at),
                Err(failure) => refused(&subject, failure),
            };
            self.answer(fan, ask, answer);
        }
        self.finish(kind);
    }

    pub(super) fn leaver_answered(&mut self, open: u64, outcome: &Result<Outcome, Failure>) {
        let Some(Open { fan, ask, .. }) = self.open.remove(&open) else { return };
        let answer = if *outcome == Err(Failure::Unavailable) { Answer::Fail(503) } else { Answer::Left };
        self.answer(fan, ask, answer);
    }

    /// What came of a move.
    pub(super) fn mover_answered(&mut self, open: u64, outcome: &Result<Outcome, Failure>) {
        let Some(Open { fan, ask, .. }) = self.open.remove(&open) else { return };
        let answer = match outcome {
            Ok(Outcome::Moved(MoveOutcome::Moved { .. })) => Answer::Moved,
            Ok(Outcome::Moved(MoveOutcome::Elsewhere { .. } | MoveOutcome::Spent)) => Answer::Elsewhere,
            _ => Answer::Fail(503),
        };
        self.answer(fan, ask, answer);
    }

    /// What came of one fan's part of a call.
    fn come_of(&mut self, subject: Subject, outcome: &Outcome, at: usize) -> Answer {
        match (subject, outcome) {
            (Subject::Join(draw, entry), Outcome::Entered(positions)) => {
                positions.get(at).map_or(Answer::Fail(500), |position| self.joined(draw, entry, *position))
            }
            (Subject::Claim(ticket, claimant), Outcome::Claimed(outcomes)) => {
                outcomes.get(at).map_or(Answer::Fail(500), |outcome| self.claimed(&ticket, claimant.place, outcome))
            }
            (Subject::ClaimTier(ticket, claimant, _), Outcome::Claimed(outcomes)) => {
                outcomes.get(at).map_or(Answer::Fail(500), |outcome| self.claimed(&ticket, claimant.place, outcome))
            }
            (Subject::Arrive(draw, arrival), Outcome::Arrived(arrived)) => {
                arrived.get(at).map_or(Answer::Fail(500), |arrived| self.arrived(draw, &arrival, arrived))
            }
            (Subject::Renew(pass), Outcome::Renewed(outcomes)) => Answer::Inside(match outcomes.get(at) {
                Some(RenewOutcome::Renewed { expires_at_ms }) => Some(Pass::new(
                    &pass.room,
                    pass.draw,
                    pass.place,
                    self.clock_ms(),
                    *expires_at_ms,
                    pass.hard_end_at_ms,
                )),
                _ => None,
            }),
            _ => Answer::Fail(500),
        }
    }

    fn joined(&self, draw: [u8; 32], entry: Entry, position: Position) -> Answer {
        let room = self.plan.room.clone();
        let issued_at_ms = self.clock_ms();
        Answer::Joined(Ticket { room, draw, position, entry, issued_at_ms, of_tier: None, terms: Terms::default() })
    }

    fn claimed(&mut self, ticket: &Ticket, place: u64, outcome: &ClaimOutcome) -> Answer {
        match *outcome {
            ClaimOutcome::Admitted { admitted_at_ms, expires_at_ms, hard_end_at_ms } => {
                let pass = Pass::new(&ticket.room, ticket.draw, place, self.clock_ms(), expires_at_ms, hard_end_at_ms);
                Answer::Admitted { pass: self.signed(pass), admitted_at_ms }
            }
            ClaimOutcome::NotCalled => Answer::Wait { is_called: false, retry_after_ms: 2_000 },
            ClaimOutcome::Wait { retry_after_ms } => Answer::Wait { is_called: true, retry_after_ms },
            ClaimOutcome::Expired => Answer::Lost(410),
            ClaimOutcome::Moved { .. } => Answer::Elsewhere,
            ClaimOutcome::Unknown => Answer::Lost(409),
        }
    }

    /// The pass as it is; with [`Sabotage::SessionByChance`] another one.
    fn signed(&mut self, pass: Pass) -> Pass {
        match self.sabotage {
            Some(Sabotage::SessionByChance) => {
                Pass { session: SessionId::of(&self.random.random(), pass.place), ..pass }
            }
            _ => pass,
        }
    }
}

fn command<'a>(kind: Kind, subjects: impl Iterator<Item = &'a Subject>) -> Command {
    let (mut entries, mut arrivals, mut claims, mut tier_claims) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (subjects, mut holders): (Vec<&Subject>, Vec<Option<Holder>>) = (subjects.collect(), Vec::new());
    for subject in &subjects {
        match subject {
            Subject::Join(_, entry) => entries.push(*entry),
            Subject::Arrive(_, arrival) => arrivals.push(arrival.clone()),
            Subject::Claim(_, claimant) => claims.push(*claimant),
            Subject::ClaimTier(_, claimant, holder) => {
                tier_claims.push(*claimant);
                holders.push(*holder);
            }
            Subject::Renew(_) | Subject::Leave | Subject::Move => {}
        }
    }
    match kind {
        Kind::Joins if arrivals.is_empty() => Command::Enter(entries),
        Kind::Joins => Command::Arrive(arrivals),
        Kind::Claims if tier_claims.is_empty() => Command::Claim(claims),
        Kind::Claims if holders.iter().any(Option::is_some) => {
            Command::ByKey { holders, command: Box::new(Command::ClaimTiers(tier_claims)) }
        }
        Kind::Claims => Command::ClaimTiers(tier_claims),
        Kind::Renewals => Command::Renew(
            subjects
                .iter()
                .filter_map(|subject| if let Subject::Renew(pass) = subject { Some(pass.place) } else { None })
                .collect(),
        ),
    }
}

fn refused(subject: &Subject, failure: &Failure) -> Answer {
    match (subject, failure) {
        (Subject::Renew(_), _) => Answer::Inside(None),
        (_, Failure::Refused(Refusal::Ended)) => Answer::Lost(410),
        _ => Answer::Fail(503),
    }
}
