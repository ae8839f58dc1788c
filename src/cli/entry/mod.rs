//! `fairgate entry`: try what a room asks, without a fan and without an edge.

mod attempt;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Try what rooms ask of those who enter.
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
}

/// Runs one step.
///
/// # Errors
/// When the configuration has mistakes, a secret is missing, or there is no such room or way.
pub(super) fn run(args: EntryArgs) -> anyhow::Result<ExitCode> {
    let Step::Try { room, way, config, shown } = args.step;
    let attempt = attempt::Attempt { room, way, config, shown };
    attempt::run(&attempt, |name| std::env::var(name).ok(), &mut io::stdout().lock())
}
