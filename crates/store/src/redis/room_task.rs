//! The task through which one edge's requests for one room go, one call after another.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use fairgate_core::recovery::{Call, Exchange, Next, Observation, Replica, Reply, StateVersion};
use fairgate_core::room::{Command, Entry, Outcome, Position, Spot, View};
use fairgate_telemetry::clock::Clock;
use futures_util::FutureExt;
use tokio::sync::mpsc;

use super::link::Link;
use super::replica_log::{ReplicaLog, ReplicaLogDir};
use super::script::Scripts;
use super::time::{CallTime, RoomTime};
use super::transition::Room;
use super::view::Closed;
use super::{Counters, StoreError};
use super::{arrivals, put_back};
use crate::CountedNetwork;
use crate::batch::{Request, Step, put_together};

/// The most requests that are looked at together.
const REQUESTS_MAX: usize = 8_192;

/// The pause after a panic, which may come again at once.
const AFTER_PANIC: Duration = Duration::from_millis(100);

/// What it takes to ask Redis about a room.
pub(super) struct Parts {
    /// The room's hash.
    pub(super) key: String,
    /// The time, where it is not the server's own.
    pub(super) clock: Option<Arc<dyn Clock>>,
    /// The name of this run of this edge.
    pub(super) edge: Arc<str>,
    /// How far the server's clock is believed.
    pub(super) time: Arc<RoomTime>,
    /// The scripts.
    pub(super) scripts: Arc<Scripts>,
    /// The way to Redis.
    pub(super) link: Link,
    /// What is counted.
    pub(super) counters: Arc<Counters>,
}

/// One room as this edge sees it.
pub(super) struct RoomTask {
    parts: Parts,
    closed: Closed,
    knowledge: Replica,
    ledger: Option<ReplicaLog>,
    /// What the last look showed.
    view: Option<View>,
}

impl RoomTask {
    /// The task of a room; what was known of it when this edge was stopped is in the directory.
    pub(super) fn new(parts: Parts, dir: Option<&Arc<ReplicaLogDir>>, room: &str) -> Self {
        let (ledger, knowledge) = dir.map(|dir| ReplicaLog::open(dir, room)).unzip();
        let knowledge = knowledge.unwrap_or_default();
        Self { parts, closed: Closed::default(), knowledge, ledger, view: None }
    }

    /// Serves requests until nobody can send any. A panic costs those an answer whose call it was: what the edge knows only
    /// grows, and the room itself is in Redis.
    pub(super) async fn run(&mut self, mut requests: mpsc::Receiver<Request>) {
        while AssertUnwindSafe(self.serve_all(&mut requests)).catch_unwind().await.is_err() {
            tracing::error!(key = self.parts.key, "the room's task has panicked, and goes on");
            self.parts.counters.restarts.fetch_add(1, Relaxed);
            (self.closed, self.view) = (Closed::default(), None);
            tokio::time::sleep(AFTER_PANIC).await;
        }
    }

    async fn serve_all(&mut self, requests: &mut mpsc::Receiver<Request>) {
        let mut waiting = Vec::new();
        while requests.recv_many(&mut waiting, REQUESTS_MAX).await > 0 {
            for step in put_together(waiting.drain(..)) {
                self.serve(step).await;
            }
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.save_now(&mut self.knowledge);
        }
    }

    async fn serve(&mut self, mut step: Step) {
        let (mut exchange, mut call) = Exchange::begin(step.is_view(), &self.knowledge);
        let outcome = loop {
            let reply = match (call, step.networks()) {
                (Call::Ask, Some(networks)) => {
                    let (reply, over) = self.join(&step.command, networks).await;
                    step.turn_away(over);
                    reply
                }
                _ => self.call(call, &step.command, exchange.outcome()).await,
            };
            match exchange.replied(reply, &step.command, &mut self.knowledge) {
                Next::Call(next) => call = next,
                Next::Answer(outcome) => break outcome,
            }
        };
        self.parts.counters.commands.fetch_add(step.commands(), Relaxed);
        if let Some(ledger) = &mut self.ledger {
            ledger.save(&mut self.knowledge);
        }
        let view = self.view.take();
        match outcome {
            Ok(outcome) => step.answer(Ok(outcome), || view).send(),
            Err(StoreError::Refused(refusal)) => step.answer(Err(refusal), || None).send(),
            Err(StoreError::Unavailable(why) | StoreError::Damaged(why)) => step.fail(&why),
        }
    }

    /// Makes one call. `answer`: what is about to be answered to the command.
    async fn call(&mut self, call: Call, command: &Command, answer: Option<&Outcome>) -> Reply<StoreError> {
        if let (Call::Write, Command::Enter(entries), Some(Outcome::Entered(positions))) = (call, command, answer) {
            self.write(entries, positions);
            return Reply::Done;
        }
        if let (Call::Write, Command::Arrive(arrivals), Some(Outcome::Arrived(arrived))) = (call, command, answer) {
            if let Some(ledger) = &mut self.ledger {
                ledger.note_arrivals(&self.knowledge, arrivals, arrived);
            }
            return Reply::Done;
        }
        let stamp = self.knowledge.stamp.as_ref().filter(|_| call != Call::ObserveAfterRestore);
        let mut room = room(&self.parts, stamp);
        if let (Call::Ask, Command::Schedule(_), None) = (call, command, &self.parts.clock) {
            room.time = self.parts.time.of_schedule();
        }
        let reply = match call {
            Call::Ask => room.apply(command).await.map(Reply::Answered),
            Call::Look | Call::ObserveAfterRestore => room.view(&mut self.closed).await.map(|look| {
                if self.parts.clock.is_none() {
                    self.parts.time.observe(look.server_ms, look.view.now_ms);
                }
                self.view = Some(look.view);
                let has_copy = self.ledger.as_ref().is_some_and(|ledger| ledger.has_copy(&look.observation.memory));
                Reply::Looked(Box::new(Observation { has_copy, ..look.observation }))
            }),
            Call::Restore => {
                tracing::warn!(key = self.parts.key, "Redis has lost the room or its end: putting back what is known");
                room.restore(&self.knowledge).await.map(|()| Reply::Done)
            }
            Call::RestoreEntries { is_under_root, .. } if self.has_tiers() => {
                let ledger = self.ledger.as_ref();
                let answered = ledger.and_then(|ledger| ledger.answered(&self.knowledge).map_err(tell_unread).ok());
                let refilled = put_back::answered(&mut room, answered.into_iter().flatten(), is_under_root).await;
                refilled.map(|too_late| Reply::EntriesRestored { too_late })
            }
            Call::RestoreEntries { from, is_under_root } => {
                let entries = self
                    .ledger
                    .as_ref()
                    .and_then(|ledger| ledger.entries(&self.knowledge, from).map_err(tell_unread).ok());
                let refilled = put_back::entries(&mut room, entries.into_iter().flatten(), is_under_root).await;
                refilled.map(|too_late| Reply::EntriesRestored { too_late })
            }
            Call::RestoreRoster { .. } if self.has_tiers() => {
                restore_tiers(&mut room, &self.knowledge, self.ledger.as_ref()).await
            }
            Call::RestoreRoster { from } => {
                let frozen = self.knowledge.memory.as_ref().and_then(|memory| memory.frozen);
                match self.ledger.as_ref().zip(frozen) {
                    Some((ledger, frozen)) => {
                        let has_copy = put_back::roster(&mut room, ledger.dir(), &frozen, from).await;
                        has_copy.map(|has_copy| if has_copy { Reply::Done } else { Reply::NoCopy })
                    }
                    None => Ok(Reply::NoCopy),
                }
            }
            Call::Write => Ok(Reply::Done),
        };
        self.parts.counters.calls.fetch_add(room.calls, Relaxed);
        reply.unwrap_or_else(|error| if room.is_lost { Reply::Lost(error) } else { Reply::Failed(error) })
    }

    /// True if the room that is known has tiers.
    fn has_tiers(&self) -> bool {
        self.knowledge.memory.as_ref().is_some_and(|memory| memory.plan.rules.is_some())
    }

    /// Has fans join; answers who was turned away, too, and for how long.
    async fn join(
        &mut self,
        command: &Command,
        networks: &[Vec<CountedNetwork>],
    ) -> (Reply<StoreError>, Vec<(usize, u64)>) {
        // Nobody outside knows it while the pool is open, and what is kept of a network lasts for seconds.
        let secret = self.knowledge.memory.as_ref().map_or([0; 32], |memory| memory.plan.secret);
        let mut room = room(&self.parts, self.knowledge.stamp.as_ref());
        let joined = match command {
            Command::Enter(entries) => room.join(entries, networks, &secret).await,
            Command::Arrive(arrivals) => arrivals::enter(&mut room, arrivals, networks, &secret).await,
            _ => return (Reply::Done, Vec::new()),
        };
        self.parts.counters.calls.fetch_add(room.calls, Relaxed);
        match joined {
            Ok((outcome, over)) => (Reply::Answered(outcome), over),
            Err(error) if room.is_lost => (Reply::Lost(error), Vec::new()),
            Err(error) => (Reply::Failed(error), Vec::new()),
        }
    }

    /// Writes down the entries that are about to be answered.
    fn write(&mut self, entries: &[Entry], positions: &[Position]) {
        if let Some(ledger) = &mut self.ledger {
            ledger.note(&self.knowledge, entries, positions);
        }
    }
}

/// Puts the frozen rosters of all tiers back from this edge's copies, and its late comers, who stand in none of them.
async fn restore_tiers(
    room: &mut Room<'_>,
    knowledge: &Replica,
    ledger: Option<&ReplicaLog>,
) -> Result<Reply<StoreError>, StoreError> {
    let memory = knowledge.memory.as_ref();
    let tiers = memory.and_then(|memory| memory.frozen.zip(memory.tiers.as_ref()?.frozen.as_deref()));
    let Some((ledger, (frozen, tiers))) = ledger.zip(tiers) else { return Ok(Reply::NoCopy) };
    if !put_back::tier_rosters(room, ledger.dir(), &frozen.root, tiers).await? {
        return Ok(Reply::NoCopy);
    }
    let answered = ledger.answered(knowledge).map_err(tell_unread).ok();
    let late = answered.into_iter().flatten().filter(|answered| matches!(answered.at, Spot::Line { .. }));
    put_back::answered(room, late, true).await?;
    Ok(Reply::Done)
}

/// The room at this instant.
fn room<'a>(parts: &'a Parts, stamp: Option<&'a StateVersion>) -> Room<'a> {
    Room {
        key: &parts.key,
        time: parts.clock.as_ref().map_or_else(|| parts.time.of_call(), |clock| CallTime::Exactly(clock.now_ms())),
        scripts: &parts.scripts,
        link: &parts.link,
        stamp,
        edge: &parts.edge,
        calls: 0,
        is_lost: false,
    }
}

fn tell_unread(error: std::io::Error) {
    tracing::error!(%error, "the entries that this edge has answered cannot be read, and so not be put back");
}
