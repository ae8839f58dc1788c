//! `fairgate draw witness`: cosigns the logs of others.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;

use crate::cli::booking::stop_when_told;
use crate::config::{LogConfig, NoteKey};
use crate::observe::{announce, init_logs};
use crate::witness::{KnownLogs, Witness, WitnessSettings};
use fairgate_draw::log::KeyKind;

/// Run a witness: it cosigns checkpoints of logs that only grow, and refuses those that do not.
///
/// A witness convinces people who trust whoever runs it, and nobody else. Run it on a machine that the operator of the draws has
/// no hand in, behind a proxy that speaks TLS. Give its public key to fans and auditors yourself.
///
/// Its state must never be set back: a witness that was restored from an old backup would cosign a fork.
#[derive(Debug, Args)]
pub(super) struct WitnessArgs {
    /// The witness's key, which `fairgate keys witness` makes.
    #[arg(long, value_name = "FILE", default_value = "witness.key")]
    key: PathBuf,
    /// The directory in which the witness writes down what it has cosigned; made where it is missing.
    #[arg(long, value_name = "DIR", default_value = "witness")]
    state: PathBuf,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:7380")]
    listen: SocketAddr,
    /// A log to cosign, by its public key. May be given several times.
    #[arg(long = "log", value_name = "VKEY")]
    logs: Vec<String>,
    /// A file of logs: a public key a line, and behind it the origin where that is another name.
    #[arg(long, value_name = "FILE")]
    logs_file: Option<PathBuf>,
    /// Stop when standard input ends, which it does when the parent process is gone.
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

/// Runs until it is told to stop.
///
/// # Errors
/// What kept it from starting.
pub(super) fn run(args: WitnessArgs) -> anyhow::Result<ExitCode> {
    init_logs(&LogConfig::default())?;
    let signer = NoteKey { file: Some(args.key.clone()), env: None }.read(|_| None).map_err(anyhow::Error::msg)?;
    ensure!(
        signer.key().kind() == KeyKind::Witness,
        "{} is no key of a witness; make one with `fairgate keys witness --name witness.example/w1`",
        args.key.display()
    );
    let mut logs = KnownLogs::default();
    args.logs.iter().try_for_each(|log| logs.add(log)).context("--log")?;
    if let Some(path) = &args.logs_file {
        logs.add_all(&super::read(path)?).with_context(|| format!("cannot use {}", path.display()))?;
    }
    ensure!(
        logs.count() > 0,
        "no log to cosign: name one with --log or --logs-file, by the public key that its operator shows"
    );
    let settings = WitnessSettings { listen: args.listen, state: args.state, signer, logs };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(async {
        let stop = stop_when_told(args.exit_with_stdin)?;
        let vkey = settings.signer.key().to_string();
        let witness = Witness::start(settings).await?;
        announce(&format!("listening on http://{} as {vkey}", witness.address()?));
        witness.serve(stop).await;
        Ok(ExitCode::SUCCESS)
    })
}
