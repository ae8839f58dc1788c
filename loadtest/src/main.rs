//! `crowd`: sends simulated fans to a waiting room and reports whether it kept its promises.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use fairgate_crowd::{Options, Report, Target, on_stderr, run};

/// Sends a crowd of simulated fans to a room and reports what it saw.
///
/// Ends with exit code 0 only if every promise of the waiting room was kept.
#[derive(Debug, Parser)]
#[command(name = "crowd", version)]
struct Args {
    /// The protected page, over plain HTTP.
    #[arg(default_value = "http://127.0.0.1:8080/")]
    url: String,
    /// The room.
    #[arg(long, default_value = "demo")]
    room: String,
    /// The event to buy seats of; without it the fans go home once they are let in.
    #[arg(long)]
    event: Option<String>,
    /// People.
    #[arg(long, default_value_t = 1_000)]
    fans: u32,
    /// Bots on top of them.
    #[arg(long, default_value_t = 40)]
    bots: u32,
    /// Decides who behaves how; the same seed is the same crowd.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds after which the run ends, whoever still waits.
    #[arg(long, default_value_t = 1_800)]
    time_limit: u64,
    /// Seconds within which those who come after the start arrive.
    #[arg(long, default_value_t = 30)]
    late_within: u64,
    /// Sockets that may be open at once.
    #[arg(long, default_value_t = 16_000)]
    connections: usize,
    /// Let every fan claim an address of its own (X-Forwarded-For), for targets that trust this machine as a proxy.
    #[arg(long)]
    forwarded_for: bool,
    /// Write the report as JSON, too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write what every fan did and was told, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// The target is another machine, and it is mine to load.
    #[arg(long)]
    i_own_this_target: bool,
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
