//! Keeps the draws of sales that are over, for rooms that go on to another one.
//!
//! Guarantee: no request and no heartbeat waits for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;

use crate::edge::context::Edge;
use crate::edge::draw::past::keep::keep_if_due;
use crate::edge::room::shelf::forget_drafts;
use fairgate_telemetry::supervise::{Pulse, Supervisor};

const NAME: &str = "past draws";
/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// After a failure: the disk may be full, and lists may be large.
const PAUSE: Duration = Duration::from_secs(10);
/// A list of millions takes a while.
const SILENCE_MAX: Duration = Duration::from_secs(300);

/// Keeps the draws of an edge's rooms.
pub(crate) struct PastDraws {
    edge: Arc<Edge>,
    store: PathBuf,
    supervisor: Supervisor,
    pulse: Pulse,
}

impl PastDraws {
    /// The task of an edge; `store` is the store's directory on its disk.
    pub(crate) fn new(edge: &Arc<Edge>, supervisor: &Supervisor, store: PathBuf) -> Self {
        let (edge, supervisor) = (Arc::clone(edge), supervisor.clone());
        let pulse = supervisor.pulse_within(NAME, SILENCE_MAX);
        Self { edge, store, supervisor, pulse }
    }

    async fn run(&self) {
        for room in &self.edge.served().rooms {
            forget_drafts(&self.store, room.name());
        }
        loop {
            self.pulse.beat();
            let mut pause = EVERY;
            for room in &self.edge.served().rooms {
                if let Err(error) = keep_if_due(&self.edge, room).await {
                    tracing::warn!(room = room.name(), %error, "the draw could not be kept; trying again");
                    pause = PAUSE;
                }
            }
            tokio::time::sleep(pause).await;
        }
    }
}

#[async_trait]
impl BackgroundService for PastDraws {
    async fn start(&self, _shutdown: ShutdownWatch) {
        self.supervisor.keep(NAME, || self.run()).await;
    }
}
