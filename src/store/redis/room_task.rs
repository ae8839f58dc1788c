//! The task through which one edge's requests for one room go, one call after another.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::mpsc;

use super::ledger::Ledger;
use super::link::Link;
use super::script::Scripts;
use super::transition::Room;
use super::view::Closed;
use super::{Counters, StoreError};
use crate::clock::Clock;
use crate::recover::Knowledge;
use crate::room::{Command, Entry, Outcome, View};
use crate::store::batch::{Request, Step, put_together};

/// Entries that are read from the disk at once, to be put back.
const REFILL_PART: usize = 10_000;
/// The most requests that are looked at together.
const REQUESTS_MAX: usize = 8_192;

/// What it takes to ask Redis about a room.
pub(super) struct Parts {
    /// The room's hash.
    pub(super) key: String,
    /// The time, where it is not the server's own.
    pub(super) clock: Option<Arc<dyn Clock>>,
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
    knowledge: Knowledge,
    ledger: Option<Ledger>,
    /// Entries below were in the roster all the time, as of the last look.
    intact: u64,
}

impl RoomTask {
    /// The task of a room; what was known of it when this edge was stopped is in the directory.
    pub(super) fn new(parts: Parts, dir: Option<&Path>, room: &str) -> Self {
        let (ledger, knowledge) = dir.map(|dir| Ledger::open(dir, room)).unzip();
        let knowledge = knowledge.unwrap_or_default();
        Self { parts, closed: Closed::default(), knowledge, ledger, intact: 0 }
    }

    /// Serves requests until nobody can send any.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut waiting = Vec::new();
        while requests.recv_many(&mut waiting, REQUESTS_MAX).await > 0 {
            for step in put_together(waiting.drain(..)) {
                self.serve(step).await;
            }
        }
    }

    async fn serve(&mut self, step: Step) {
        let commands = step.commands();
        let mut answer = self.ask(&step).await;
        if answer.is_lost {
            answer = match self.put_back().await {
                Ok(()) => self.ask(&step).await,
                Err(error) => Answer { outcome: Err(error), ..answer },
            };
        }
        self.parts.counters.commands.fetch_add(commands, Relaxed);
        match answer.outcome {
            Ok(outcome) => {
                self.note(&step.command, &outcome).await;
                step.answer(Ok(outcome), || answer.view).send();
            }
            Err(StoreError::Refused(refusal)) => step.answer(Err(refusal), || None).send(),
            Err(StoreError::Unavailable(why) | StoreError::Damaged(why)) => step.fail(&why),
        }
    }

    /// Asks Redis once.
    async fn ask(&mut self, step: &Step) -> Answer {
        if step.is_view() {
            return self.look().await;
        }
        let mut room = room(&self.parts, &self.knowledge);
        let outcome = room.apply(&step.command).await;
        self.parts.counters.calls.fetch_add(room.calls, Relaxed);
        Answer { outcome, view: None, is_lost: room.is_lost }
    }

    /// Looks how the room stands, and remembers it.
    async fn look(&mut self) -> Answer {
        let mut room = room(&self.parts, &self.knowledge);
        let look = room.view(&mut self.closed).await;
        self.parts.counters.calls.fetch_add(room.calls, Relaxed);
        let is_lost = room.is_lost;
        match look {
            Ok(look) => {
                self.knowledge.saw(look.stamp, look.memory);
                self.intact = look.intact;
                if let Some(ledger) = &mut self.ledger {
                    ledger.save(&self.knowledge);
                }
                Answer { outcome: Ok(Outcome::Done), view: Some(look.view), is_lost }
            }
            Err(error) => Answer { outcome: Err(error), view: None, is_lost },
        }
    }

    /// Remembers what this edge is about to answer.
    async fn note(&mut self, command: &Command, outcome: &Outcome) {
        // Of which draw the answers are has to be known first.
        if self.knowledge.memory.is_none() || matches!(command, Command::Schedule(_)) {
            self.look().await;
        }
        self.knowledge.answered(command, outcome);
        if let (Some(ledger), Command::Enter(entries), Outcome::Entered(positions)) =
            (&mut self.ledger, command, outcome)
        {
            ledger.note(&self.knowledge, entries, positions);
        }
        if self.knowledge.needs_look(outcome) {
            self.look().await;
        }
    }

    /// Puts back what this edge knows, since Redis has lost it, and looks what others have put back.
    async fn put_back(&mut self) -> Result<(), StoreError> {
        tracing::warn!(key = self.parts.key, "Redis has lost the room or its end: putting back what is known");
        let knew_root = self.knowledge.knew_root();
        let mut room = room(&self.parts, &self.knowledge);
        let restored = room.restore(&self.knowledge).await;
        self.parts.counters.calls.fetch_add(room.calls, Relaxed);
        restored?;
        // Whatever state it is now, it is the one to go on with.
        self.knowledge.stamp = None;
        self.look().await.outcome?;
        if self.knowledge.knew_root() && !knew_root {
            self.knowledge.came_too_late = true;
            return Ok(());
        }
        self.refill(knew_root).await
    }

    /// Puts the entries back that this edge has answered.
    async fn refill(&mut self, knew_root: bool) -> Result<(), StoreError> {
        let Some(ledger) = &mut self.ledger else { return Ok(()) };
        let Ok(mut entries) = ledger.entries(&self.knowledge, self.intact) else { return Ok(()) };
        let (mut known, mut written) = (0, 0);
        loop {
            let part: Vec<(u64, Entry)> = entries.by_ref().take(REFILL_PART).collect();
            if part.is_empty() {
                break;
            }
            let mut room = room(&self.parts, &self.knowledge);
            let refilled = room.refill(&part, knew_root).await;
            self.parts.counters.calls.fetch_add(room.calls, Relaxed);
            (known, written) = (known + part.len() as u64, written + refilled?);
        }
        tracing::warn!(key = self.parts.key, known, written, "entries were put back into the roster");
        Ok(())
    }
}

/// What came of asking Redis.
struct Answer {
    outcome: Result<Outcome, StoreError>,
    view: Option<View>,
    /// The state is another one than this edge knows, or older.
    is_lost: bool,
}

/// The room at this instant.
fn room<'a>(parts: &'a Parts, knowledge: &'a Knowledge) -> Room<'a> {
    Room {
        key: &parts.key,
        now_ms: parts.clock.as_ref().map(|clock| clock.now_ms()),
        scripts: &parts.scripts,
        link: &parts.link,
        stamp: knowledge.stamp.as_ref(),
        calls: 0,
        is_lost: false,
    }
}
