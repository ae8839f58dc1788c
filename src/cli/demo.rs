//! `fairgate demo`: a whole on-sale on this machine.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use crate::demo::{self, DemoPlan};

/// Run a whole sale on this machine: Postgres, booking core, edge and, on request, a simulated crowd.
///
/// Without --fans it runs until Ctrl-C: open the printed address in a browser. With --fans it prints a report and ends. Exit
/// code 0 then means that every invariant held.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Time until the sale starts, such as 90s, 2m or plain seconds. The pool is open until then.
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = parse_span)]
    starts_in: Duration,
    /// The number of simulated fans.
    #[arg(long, value_name = "N", default_value_t = 0)]
    fans: u32,
    /// The number of simulated bots.
    #[arg(long, value_name = "N", default_value_t = 0)]
    bots: u32,
    /// The random seed that decides how each simulated fan behaves.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Admissions per minute. The default admits a crowd of thousands in under two minutes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// The number of edges. The crowd is spread over them. More than one needs --redis.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=9))]
    edges: u16,
    /// Keep the room in a private Redis server that all edges share.
    #[arg(long)]
    redis: bool,
    /// Send a farm into three side rooms as well: one cheat with 200 tries beside 100 fans, in a room that asks nothing, one
    /// that asks for work, and one that asks for a code. The report has its share of the places.
    #[arg(long, requires = "fans")]
    farm: bool,
    /// Keep running after the crowd's report.
    #[arg(long)]
    keep_running: bool,
    /// Also write the crowd's report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write every request of every fan and its answer to this file, one JSON object per line.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

/// Runs the demo.
///
/// # Errors
/// Where a server does not start or stops by itself, or a file cannot be written.
pub(super) fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(args.edges == 1 || args.redis, "several edges need a shared store: add --redis");
    let plan = DemoPlan {
        starts_in: args.starts_in,
        fans: args.fans,
        bots: args.bots,
        seed: args.seed,
        rate_per_minute: args.rate,
        edges: args.edges,
        redis: args.redis,
        keep_running: args.keep_running,
        report: args.report,
        farm: args.farm,
        history: args.history,
    };
    demo::run(&plan)
}

fn parse_span(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let span: SignedDuration =
        text.parse().map_err(|_| "write a time span such as 90s or 2m, or plain seconds".to_owned())?;
    Duration::try_from(span).map_err(|_| "is negative: write a time span from now on".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit_or_are_seconds() {
        assert_eq!(parse_span("20"), Ok(Duration::from_secs(20)));
        assert_eq!(parse_span("1m 30s"), Ok(Duration::from_secs(90)));
        assert!(parse_span("-5s").is_err());
        assert!(parse_span("soon").is_err());
    }
}
