//! A cable to Postgres that lets through so many requests a second, and fewer when it is told so.
//!
//! Guarantees:
//! - whatever is asked of Postgres goes by one at a time, in the order in which it came, at the pace of the moment
//! - what the core sees is a database of exactly that capacity, on a machine of any speed

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// The name of Postgres's socket in its directory.
const SOCKET: &str = ".s.PGSQL.5432";

/// The cable; ends with the runtime.
pub(super) struct Throttle {
    dir: TempDir,
    pace: Arc<Pace>,
}

struct Pace {
    /// Requests a second; 0: as they come.
    per_s: AtomicU64,
    passed: AtomicU64,
    free_at: Mutex<Instant>,
}

impl Throttle {
    /// A cable to the Postgres whose socket is in this directory, without a limit at first.
    pub(super) fn start(postgres: &Path) -> std::io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let listener = UnixListener::bind(dir.path().join(SOCKET))?;
        let pace = Pace { per_s: 0.into(), passed: 0.into(), free_at: Mutex::new(Instant::now()) };
        let (pace, server) = (Arc::new(pace), postgres.join(SOCKET));
        tokio::spawn(accept(listener, server, Arc::clone(&pace)));
        Ok(Self { dir, pace })
    }

    /// The directory of its socket.
    pub(super) fn socket_dir(&self) -> &Path {
        self.dir.path()
    }

    /// So many requests a second from now on.
    pub(super) fn set(&self, per_s: u64) {
        self.pace.per_s.store(per_s, Relaxed);
    }

    /// Requests that have gone by.
    pub(super) fn passed(&self) -> u64 {
        self.pace.passed.load(Relaxed)
    }
}

async fn accept(listener: UnixListener, server: PathBuf, pace: Arc<Pace>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = UnixStream::connect(&server).await else { continue };
        let (from_client, mut to_client) = client.into_split();
        let (mut from_server, to_server) = server.into_split();
        tokio::spawn(pass(from_client, to_server, Arc::clone(&pace)));
        tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    }
}

/// Passes requests on, each in its turn. Drivers send one request, or several in one pipeline, with one write.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, pace: Arc<Pace>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        pace.turn().await;
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

impl Pace {
    async fn turn(&self) {
        self.passed.fetch_add(1, Relaxed);
        let per_s = self.per_s.load(Relaxed);
        if per_s == 0 {
            return;
        }
        let turn = {
            let mut free_at = self.free_at.lock().await;
            let turn = (*free_at).max(Instant::now());
            *free_at = turn + Duration::from_secs(1) / u32::try_from(per_s).unwrap_or(u32::MAX);
            turn
        };
        sleep_until(turn).await;
    }
}
