//! `fairgate demo`: a whole on-sale on this machine.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use jiff::SignedDuration;

use crate::demo::{self, DemoPlan};

/// Play a whole on-sale on this machine: Postgres, booking core, gate, and a crowd if you like.
///
/// Without --fans it runs until Ctrl-C: open the shop's address in a browser. With --fans it ends after the report, with
/// exit code 0 only if every promise was kept.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// From now to the start of the sale; the pool is open until then.
    #[arg(long, value_name = "SPAN", default_value = "60s")]
    starts_in: SignedDuration,
    /// Simulated fans to send.
    #[arg(long, value_name = "N", default_value_t = 0)]
    fans: u32,
    /// Simulated bots to send.
    #[arg(long, value_name = "N", default_value_t = 0)]
    bots: u32,
    /// Decides who of the crowd behaves how.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// People let in per minute; unless given, a crowd is through in under two minutes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Stay up after the crowd's report.
    #[arg(long)]
    keep_running: bool,
    /// Write the crowd's report as JSON, too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write what every fan did and was told, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

/// Runs the demo.
///
/// # Errors
/// Where a server does not start or stops by itself, or a file cannot be written.
pub(super) fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let plan = DemoPlan {
        starts_in: Duration::try_from(args.starts_in)
            .context("--starts-in lies in the past: give a span from now on")?,
        fans: args.fans,
        bots: args.bots,
        seed: args.seed,
        rate_per_minute: args.rate,
        keep_running: args.keep_running,
        report: args.report,
        history: args.history,
    };
    demo::run(&plan)
}
