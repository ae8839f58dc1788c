//! The task through which one edge's requests for one room go, one call after another.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::mpsc;

use super::link::Link;
use super::script::Scripts;
use super::transition::Room;
use super::view::Closed;
use super::{Counters, StoreError};
use crate::clock::Clock;
use crate::room::{Outcome, Refusal, View};
use crate::store::batch::{Request, Step, put_together};

/// The most requests that are looked at together.
const REQUESTS_MAX: usize = 8_192;

/// One room as this edge sees it.
pub(super) struct RoomTask {
    key: String,
    clock: Option<Arc<dyn Clock>>,
    scripts: Arc<Scripts>,
    link: Link,
    counters: Arc<Counters>,
    closed: Closed,
}

impl RoomTask {
    /// The task of the room with this key.
    pub(super) fn new(
        key: String,
        clock: Option<Arc<dyn Clock>>,
        scripts: Arc<Scripts>,
        link: Link,
        counters: Arc<Counters>,
    ) -> Self {
        Self { key, clock, scripts, link, counters, closed: Closed::default() }
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
        let mut room = Room {
            key: &self.key,
            now_ms: self.clock.as_ref().map(|clock| clock.now_ms()),
            scripts: &self.scripts,
            link: &self.link,
            calls: 0,
        };
        let answer: Result<(Outcome, Option<View>), StoreError> = if step.is_view() {
            room.view(&mut self.closed).await.map(|view| (Outcome::Done, Some(view)))
        } else {
            room.apply(&step.command).await.map(|outcome| (outcome, None))
        };
        self.counters.calls.fetch_add(room.calls, Relaxed);
        self.counters.commands.fetch_add(commands, Relaxed);
        match answer {
            Ok((outcome, view)) => step.answer(Ok(outcome), || view).send(),
            Err(StoreError::Refused(refusal)) => step.answer(Err::<Outcome, Refusal>(refusal), || None).send(),
            Err(StoreError::Unavailable(why) | StoreError::Damaged(why)) => step.fail(&why),
        }
    }
}
