//! The file watch: signing keys, certificates and lists of codes are read again when their files change.
//!
//! Guarantees: files are looked at every two seconds. What is wrong with them is said once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::sync::Mutex;

use crate::edge::context::{Edge, EdgeParts};
use crate::edge::credentials::certificate::LiveCertificate;
use crate::observe::EdgeMetrics;
use fairgate_telemetry::supervise::{Pulse, Supervisor};

const EVERY: Duration = Duration::from_secs(2);

/// Watches an edge's keys, certificates and lists of codes.
pub(crate) struct FileWatch {
    edge: Arc<Edge>,
    certificates: Vec<Arc<LiveCertificate>>,
    metrics: EdgeMetrics,
    supervisor: Supervisor,
    pulse: Pulse,
    /// The failures of the last look, so that the log says each once.
    wrong: Mutex<Vec<String>>,
}

impl FileWatch {
    pub(crate) fn new(edge: &Arc<Edge>, certificates: Vec<Arc<LiveCertificate>>, parts: &EdgeParts) -> Self {
        let (metrics, supervisor) = (parts.metrics.clone(), parts.supervisor.clone());
        let pulse = supervisor.pulse_within("files", 5 * EVERY);
        Self { edge: Arc::clone(edge), certificates, metrics, supervisor, pulse, wrong: Mutex::default() }
    }

    async fn run(&self) {
        loop {
            self.pulse.beat();
            self.look().await;
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn look(&self) {
        let mut wrong = Vec::new();
        match self.edge.keys.reload() {
            Ok(None) => {}
            Ok(Some(before)) => {
                // What was verified with a key that is gone has to be shown to those that are left.
                self.edge.passes.forget();
                let keys = self.edge.keys.now();
                let kids = |keys: &crate::edge::credentials::keys::Keys| {
                    keys.public().kids().map(str::to_owned).collect::<Vec<_>>()
                };
                tracing::info!(before = ?kids(&before), now = ?kids(&keys), "took over other signing keys");
            }
            Err(error) => wrong.push(format!("the signing keys stay as they were: {error}")),
        }
        for certificate in &self.certificates {
            match certificate.reload() {
                Ok(false) => {}
                Ok(true) => tracing::info!(certificate = certificate.name(), "took over another certificate"),
                Err(error) => wrong.push(format!("the certificate stays as it was: {error}")),
            }
            if let Some(ends_at_s) = certificate.ends_at_s() {
                self.metrics.observe_certificate(certificate.name(), ends_at_s);
            }
        }
        wrong.extend(self.look_for_codes().await);
        let mut said = self.wrong.lock().await;
        wrong.iter().filter(|what| !said.contains(what)).for_each(|what| tracing::error!("{what}"));
        self.metrics.observe_unusable_files(wrong.len());
        *said = wrong;
    }

    /// A long list takes a fraction of a second to read, which is no work for the threads that serve.
    async fn look_for_codes(&self) -> Vec<String> {
        let edge = Arc::clone(&self.edge);
        let look = move || {
            let keys = edge.keys.now();
            let served = edge.served();
            let desks = served.rooms.iter().filter_map(|room| room.entry.as_ref());
            let unusable = desks.flat_map(|desk| desk.look_for_codes(keys.public()));
            unusable.map(|error| format!("codes stay as they were: {error}")).collect()
        };
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }
}

#[async_trait]
impl BackgroundService for FileWatch {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        tokio::select! {
            () = self.supervisor.keep("files", || self.run()) => {}
            _ = shutdown.changed() => {}
        }
    }
}
