//! `crowd`: sends simulated fans to a waiting room and reports whether it kept its promises.

mod farm_command;
mod run_args;
mod sellers_command;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use fairgate_crowd::{Options, Report, Target, on_stderr, run};

use crate::farm_command::FarmArgs;
use crate::sellers_command::SellersArgs;

/// Sends a crowd of simulated fans to a room and reports what it saw.
///
/// Ends with exit code 0 only if every promise of the waiting room was kept.
#[derive(Debug, Parser)]
#[command(name = "crowd", version, args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The protected page, over plain HTTP.
    #[arg(default_value = "http://127.0.0.1:8080/")]
    url: String,
    /// The room's name, as in the edge's configuration.
    #[arg(long, default_value = "demo")]
    room: String,
    /// The event of which fans buy seats. Without it fans leave once they are admitted.
    #[arg(long)]
    event: Option<String>,
    /// The number of simulated fans.
    #[arg(long, default_value_t = 1_000)]
    fans: u32,
    /// The number of simulated bots, besides the fans.
    #[arg(long, default_value_t = 40)]
    bots: u32,
    /// The random seed that decides how each fan behaves. The same seed is the same crowd.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds after which the run ends, even if fans still wait.
    #[arg(long, default_value_t = 1_800)]
    time_limit: u64,
    /// Seconds after the start within which late fans arrive.
    #[arg(long, default_value_t = 30)]
    late_within: u64,
    /// The number of sockets that may be open at once.
    #[arg(long, default_value_t = 16_000)]
    connections: usize,
    /// Give every fan an address of its own (X-Forwarded-For). The target has to trust this machine: the
    /// crowd comes from several of its addresses, so write `edge.trusted_proxies = ["127.0.0.0/8"]`.
    #[arg(long)]
    forwarded_for: bool,
    /// Also write the report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write every request of every fan and its answer to this file, one JSON object per line.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Allow a target on another machine. Use it only for a target that you own: thousands of fans hurt whoever they visit.
    #[arg(long)]
    i_own_this_target: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Sends a farm into a room's pool beside honest fans, and reports its share of the places after the draw.
    Farm(FarmArgs),
    /// Sends people who sell copied tickets and share copied passes into a room beside honest fans, and reports who is inside.
    Sellers(SellersArgs),
}

impl Args {
    fn options(&self) -> anyhow::Result<Options> {
        let target =
            if self.i_own_this_target { Target::owned(&self.url)? } else { Target::on_this_machine(&self.url)? };
        Ok(Options {
            event: self.event.clone(),
            fans: self.fans,
            bots: self.bots,
            seed: self.seed,
            time_limit: Duration::from_secs(self.time_limit),
            late_within: Duration::from_secs(self.late_within),
            connections_max: self.connections,
            forwarded_for: self.forwarded_for,
            history: self.history.clone(),
            ..Options::new(target, &self.room)
        })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    match args.verb {
        Some(Verb::Farm(farm)) => return farm.run().await,
        Some(Verb::Sellers(sellers)) => return sellers.run().await,
        None => {}
    }
    let options = args.options()?;
    let mut progress = on_stderr();
    let report = tokio::select! {
        report = run(options, progress.as_mut()) => report?,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("cannot listen for Ctrl-C")?;
            return Ok(ExitCode::from(130));
        }
    };
    drop(progress);
    show(&report, args.report.as_deref())?;
    Ok(if report.held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::print_stdout, reason = "the report is this program's output")]
fn show(report: &Report, file: Option<&std::path::Path>) -> anyhow::Result<()> {
    println!("{report}");
    let Some(file) = file else { return Ok(()) };
    let json = serde_json::to_string_pretty(report)?;
    std::fs::write(file, json + "\n").with_context(|| format!("cannot write the report to {}", file.display()))
}
