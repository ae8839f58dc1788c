//! `fairgate entry`: try what a room asks, without a fan and without an edge, and forget what is known of entries.

mod attempt;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::admin::Client;
use crate::config::Secret;

/// Try what rooms ask of those who enter, and forget what is known of entries.
#[derive(Debug, Args)]
pub(super) struct EntryArgs {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Try one way of a room, with the configuration and the keys of this machine. Nothing is stored, and nobody is asked.
    ///
    /// `work` is solved and checked here. A code or a shop's token is read from standard input and judged. For challenges and
    /// sign-ins it says what has to be set up at the provider.
    ///
    /// Exit code 0: good; 1: refused.
    Try {
        /// The room's name.
        room: String,
        /// The way, as the room's configuration calls it.
        #[arg(long, value_name = "WAY")]
        way: String,
        /// The configuration.
        #[arg(long, value_name = "FILE", default_value = "fairgate.toml")]
        config: PathBuf,
        /// The file with the code or token; standard input unless given. As an argument it would stay in the shell's history.
        #[arg(long, value_name = "FILE")]
        shown: Option<PathBuf>,
    },
    /// Forget what belongs to fans before its time: counts of networks, references, and who was asked at a claim.
    ///
    /// Without this it is kept for 30 days after the end. Numbers stay, and so do decisions about places. It cannot be undone.
    /// Calls the admin API of a running edge. The token comes from the environment variable FAIRGATE_ADMIN_TOKEN.
    Forget {
        /// The room's name.
        room: String,
        /// Only say if there is anything.
        #[arg(long)]
        dry_run: bool,
        /// The edge's admin API.
        #[arg(long, env = "FAIRGATE_ADMIN", value_name = "URL", default_value = "http://127.0.0.1:9090")]
        admin: String,
    },
}

/// Runs one step.
///
/// # Errors
/// When the configuration has mistakes, a secret is missing, or there is no such room or way; or the edge cannot be reached, or
/// refuses.
pub(super) fn run(args: EntryArgs) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    match args.step {
        Step::Try { room, way, config, shown } => {
            let attempt = attempt::Attempt { room, way, config, shown };
            attempt::run(&attempt, |name| std::env::var(name).ok(), &mut out)
        }
        Step::Forget { room, dry_run, admin } => {
            let client = client(&admin)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let had = runtime.block_on(client.forget_entries(&room, dry_run))?.forgotten;
            let told = match (dry_run, had) {
                (true, true) => "there is something to forget",
                (false, true) => "forgotten",
                (_, false) => "there is nothing to forget",
            };
            writeln!(out, "{room}: {told}")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A client of an edge's admin API.
pub(super) fn client(admin: &str) -> anyhow::Result<Client> {
    let token =
        std::env::var("FAIRGATE_ADMIN_TOKEN").context("FAIRGATE_ADMIN_TOKEN is not set: export the token first")?;
    Ok(Client::new(admin, Secret::new(token)))
}
