//! `fairgate edge`: the gate in front of the shop.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use clap::Args;

use crate::admin::Tokens;
use crate::config::{Config, StoreConfig};
use crate::definitions::{Book, Fit};
use crate::edge::{self, EdgeParts, Sockets};
use crate::observe::{EdgeMetrics, init_logs, registry};
use fairgate_store::embedded::{EmbeddedStore, OpenError};
use fairgate_store::redis::{RedisOptions, RedisStore};
use fairgate_store::{LockError, Store};
use fairgate_telemetry::clock::{Clock, SteadyClock, SystemClock};
use fairgate_telemetry::supervise::Supervisor;

/// How long an edge that hands over may keep its store: it goes on for some seconds after its sockets have changed hands.
const FREE_PATIENCE: Duration = Duration::from_secs(30);
/// How often to look whether it is free.
const FREE_LOOK: Duration = Duration::from_millis(10);

/// Run the waiting room as a reverse proxy in front of the shop.
#[derive(Debug, Args)]
pub(super) struct EdgeArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Replace the edge that runs with the same store.path: take over its listening sockets, so that no connection is
    /// refused. Without such an edge, just start.
    #[arg(long)]
    upgrade: bool,
    /// Stop when standard input ends, which it does when the parent process is gone.
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

/// Runs the edge until it is told to stop.
///
/// # Errors
/// What keeps it from starting, and what to do about it.
pub(super) fn run(args: &EdgeArgs) -> anyhow::Result<ExitCode> {
    let (config, definitions) = load(&args.config)?;
    init_logs(&config.log)?;
    for warning in config.warnings(SystemClock.now_ms()) {
        tracing::warn!(key = warning.key, "{}; {}", warning.what, warning.remedy);
    }
    let registry = registry()?;
    let metrics = EdgeMetrics::new(&registry)?;
    let supervisor = Supervisor::new(&registry)?;
    let tokens =
        config.admin.resolve(|name| std::env::var(name).ok()).map_err(|missing| anyhow!(missing.join("\n")))?;
    let sockets = Sockets::open(&config, args.upgrade)?;
    let store = open_store(&config.store, sockets.takes_over)?;
    let (tokens, exit_with_stdin) = (Arc::new(Tokens::new(&tokens)), args.exit_with_stdin);
    let definitions = Some(definitions);
    let parts = EdgeParts { store, metrics, registry, tokens, supervisor, exit_with_stdin, definitions };
    edge::run(&config, sockets, parts)?;
    Ok(ExitCode::SUCCESS)
}

/// The file with the rooms that are data and fit it. One that does not fit keeps no edge from its start.
fn load(path: &Path) -> anyhow::Result<(Config, Arc<Book>)> {
    let own = Config::load(path)?;
    let file = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let book = Book::open(path, file, own);
    let Fit { config, revisions, left_out } = book.fit();
    book.note_served(revisions, left_out);
    Ok((config, Arc::new(book)))
}

fn open_store(config: &StoreConfig, takes_over: bool) -> anyhow::Result<Arc<dyn Store>> {
    let path = &config.path;
    let Some(redis) = &config.redis else {
        let store =
            if takes_over { open_once_free(path) } else { EmbeddedStore::open(path, Arc::new(SteadyClock::new())) };
        return Ok(Arc::new(store.with_context(|| format!("the store in {} cannot be opened", path.display()))?));
    };
    tracing::info!(redis = %redis.address, "connecting to the store");
    let options = redis.resolve(path, |name| std::env::var(name).ok()).map_err(|reason| anyhow!(reason))?;
    let store = RedisStore::open(&RedisOptions { takes_over, ..options }, None);
    let checked = store.and_then(|store| store.check_server().map(|()| store));
    Ok(Arc::new(checked.with_context(|| format!("the store {} cannot be used", redis.address))?))
}

/// Opens a store as soon as the edge that is taken over from gives it up.
fn open_once_free(path: &Path) -> Result<EmbeddedStore, OpenError> {
    let deadline = Instant::now() + FREE_PATIENCE;
    tracing::info!(path = %path.display(), "waiting for the edge that runs to give up its store");
    loop {
        match EmbeddedStore::open(path, Arc::new(SteadyClock::new())) {
            Err(OpenError::Lock(LockError::InUse { .. })) if Instant::now() < deadline => sleep(FREE_LOOK),
            opened => return opened,
        }
    }
}
