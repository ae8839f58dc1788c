//! Revoked codes: a code that is revoked at one edge of a fleet is revoked at all of them.
//!
//! Guarantees: edges tell each other every two seconds. While the store is away nothing is told, and all of it is once it is back.
//! What cannot be written down is said once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;

use crate::edge::context::Edge;
use fairgate_telemetry::supervise::{Pulse, Supervisor};

const NAME: &str = "revoked codes";
const EVERY: Duration = Duration::from_secs(2);

/// Tells the other edges which codes are revoked here, and takes in which are there.
pub(crate) struct RevokedCodes {
    edge: Arc<Edge>,
    supervisor: Supervisor,
    pulse: Pulse,
}

impl RevokedCodes {
    /// The task of an edge; `None` where it shares its rooms with nobody.
    pub(crate) fn new(edge: &Arc<Edge>, supervisor: &Supervisor) -> Option<Self> {
        let pulse = edge.store.is_shared().then(|| supervisor.pulse_within(NAME, 5 * EVERY))?;
        Some(Self { edge: Arc::clone(edge), supervisor: supervisor.clone(), pulse })
    }

    async fn run(&self) {
        let mut said = Vec::new();
        loop {
            self.pulse.beat();
            let wrong = self.share().await;
            wrong.iter().filter(|what| !said.contains(*what)).for_each(|what| tracing::error!("{what}"));
            said = wrong;
            tokio::time::sleep(EVERY).await;
        }
    }

    /// One telling; says what cannot be written.
    async fn share(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let served = self.edge.served();
        for room in served.rooms.iter().filter(|room| room.entry.is_some()) {
            let known = room.entry.as_ref().map(|desk| desk.code_files.revoked()).unwrap_or_default();
            for (name, revoked) in known {
                self.pulse.beat();
                let told = self.edge.store.unite_revoked(name.as_str(), revoked.version(), revoked.bits()).await;
                let Ok(Some(bits)) = told else { continue };
                let (room, keys, campaign) = (Arc::clone(room), self.edge.keys.now(), name.clone());
                let write = move || {
                    let Some(desk) = &room.entry else { return Ok(()) };
                    desk.code_files.take_in(keys.public(), &campaign, revoked.version(), &bits)
                };
                if let Ok(Err(error)) = tokio::task::spawn_blocking(write).await {
                    wrong.push(format!("codes of {name} that another edge has revoked still count here: {error}"));
                }
            }
        }
        wrong
    }
}

#[async_trait]
impl BackgroundService for RevokedCodes {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        tokio::select! {
            () = self.supervisor.keep(NAME, || self.run()) => {}
            _ = shutdown.changed() => {}
        }
    }
}
