//! `fairgate edge`: the gate in front of the shop.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;

use crate::clock::SystemClock;
use crate::config::{Config, StoreConfig};
use crate::control::Tokens;
use crate::edge::{self, EdgeParts};
use crate::observe::{EdgeMetrics, init_logs, registry};
use crate::store::Store;
use crate::store::embedded::EmbeddedStore;
use crate::store::redis::RedisStore;

/// Run the gate in front of the shop.
#[derive(Debug, Args)]
pub(super) struct EdgeArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Stop when standard input ends, which it does when the parent process is gone.
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

/// Runs the edge until it is told to stop.
///
/// # Errors
/// What keeps it from starting, and what to do about it.
pub(super) fn run(args: &EdgeArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    init_logs(&config.log)?;
    let store = open_store(&config.store)?;
    let registry = registry()?;
    let metrics = EdgeMetrics::new(&registry)?;
    let tokens =
        config.admin.resolve(|name| std::env::var(name).ok()).map_err(|missing| anyhow!(missing.join("\n")))?;
    let parts =
        EdgeParts { store, metrics, registry, tokens: Tokens::new(&tokens), exit_with_stdin: args.exit_with_stdin };
    edge::run(&config, parts)?;
    Ok(ExitCode::SUCCESS)
}

fn open_store(config: &StoreConfig) -> anyhow::Result<Arc<dyn Store>> {
    let path = &config.path;
    let Some(redis) = &config.redis else {
        let store = EmbeddedStore::open(path, Arc::new(SystemClock));
        return Ok(Arc::new(store.with_context(|| format!("the store in {} cannot be opened", path.display()))?));
    };
    let options = redis.resolve(path, |name| std::env::var(name).ok()).map_err(|reason| anyhow!(reason))?;
    let store = RedisStore::open(&options, None);
    Ok(Arc::new(store.with_context(|| format!("the store {} cannot be used", redis.address))?))
}
