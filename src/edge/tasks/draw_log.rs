//! The background service that keeps the draw log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;

use crate::config::DrawLogConfig;
use crate::edge::context::{Edge, EdgeParts};
use crate::edge::draw_log::keeper::{LogKeeper, SigningKeys};
use fairgate_telemetry::supervise::Supervisor;

const NAME: &str = "draw log";
/// A store and a disk that are slow are no dead log.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Keeps the draw log, and starts again where that panics.
pub(crate) struct LogTask {
    keeper: LogKeeper,
    supervisor: Supervisor,
}

impl LogTask {
    /// The task of an edge that has a log; `dir` is the store's directory on this edge's disk.
    pub(crate) fn new(edge: &Arc<Edge>, parts: &EdgeParts, config: &DrawLogConfig, dir: PathBuf) -> Option<Self> {
        let keys: SigningKeys = {
            let edge = Arc::clone(edge);
            Arc::new(move || edge.keys.now().public().thumbprints())
        };
        let keeper = LogKeeper {
            live: Arc::clone(edge.log.as_ref()?),
            store: Arc::clone(&parts.store),
            dir,
            witnesses: config.witnesses.clone(),
            keys,
            metrics: parts.metrics.clone(),
            pulse: parts.supervisor.pulse_within(NAME, SILENCE_MAX),
        };
        Some(Self { keeper, supervisor: parts.supervisor.clone() })
    }
}

#[async_trait]
impl BackgroundService for LogTask {
    async fn start(&self, _shutdown: ShutdownWatch) {
        self.supervisor.keep(NAME, || self.keeper.run()).await;
    }
}
