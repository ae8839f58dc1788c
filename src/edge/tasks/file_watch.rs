//! Files that are read again when they change: signing keys and certificates.
//!
//! Guarantee: looked at every two seconds, by all that tells one version of a file from another. A mounted secret that is
//! replaced by moving a symbolic link is another file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::sync::Mutex;

use crate::edge::context::{Edge, EdgeParts};
use crate::edge::credentials::certificate::LiveCertificate;
use crate::observe::EdgeMetrics;
use crate::supervise::{Pulse, Supervisor};

const EVERY: Duration = Duration::from_secs(2);

/// Which versions of files there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint(Vec<(PathBuf, Option<Version>)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    device: u64,
    inode: u64,
    bytes: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl Fingerprint {
    pub(crate) fn of<'p>(files: impl Iterator<Item = &'p Path>) -> Self {
        Self(files.map(|path| (path.to_owned(), Version::of(path))).collect())
    }
}

impl Version {
    /// None where there is no such file.
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.len(),
            modified_ns: ns(file.mtime(), file.mtime_nsec()),
            changed_ns: ns(file.ctime(), file.ctime_nsec()),
        })
    }
}

/// Watches an edge's keys and certificates.
pub(crate) struct FileWatch {
    edge: Arc<Edge>,
    certificates: Vec<Arc<LiveCertificate>>,
    metrics: EdgeMetrics,
    supervisor: Supervisor,
    pulse: Pulse,
    /// What was wrong at the last look, so that the log says it once.
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
        let mut said = self.wrong.lock().await;
        wrong.iter().filter(|what| !said.contains(what)).for_each(|what| tracing::error!("{what}"));
        self.metrics.observe_unusable_files(wrong.len());
        *said = wrong;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_same_size_and_time_is_another_file() {
        let dir = tempfile::tempdir().unwrap();
        let (path, next) = (dir.path().join("key"), dir.path().join("next"));
        let of = || Fingerprint::of([path.as_path()].into_iter());
        let missing = of();
        fs::write(&path, "one").unwrap();
        let first = of();
        assert_ne!(first, missing);
        assert_eq!(first, of());
        fs::write(&next, "two").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&next).unwrap().set_modified(time).unwrap();
        fs::rename(&next, &path).unwrap();
        assert_ne!(first, of());
    }
}
