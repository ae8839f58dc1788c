//! `fairgate demo`: a whole on-sale on this machine.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use crate::demo::{self, DemoPlan};

/// Play a whole on-sale on this machine: Postgres, booking core, gate, and a crowd if you like.
///
/// Without --fans it runs until Ctrl-C: open the shop's address in a browser. With --fans it ends after the report, with
/// exit code 0 only if every promise was kept.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// From now to the start of the sale, as a span ("90s", "2m") or in plain seconds; the pool is open until then.
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = parse_span)]
    starts_in: Duration,
    /// Simulated fans to send.
    #[arg(long, value_name = "N", default_value_t = 0)]
    fans: u32,
    /// Simulated bots to send.
    #[arg(long, value_name = "N", default_value_t = 0)]
    bots: u32,
    /// Decides who of the crowd behaves how.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// People let in per minute; unless given, a crowd of thousands is through in under two minutes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Edges to start, each on ports of its own, with the crowd spread over them; more than one need --redis.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=9))]
    edges: u16,
    /// Keep the room in a private Redis that all edges share.
    #[arg(long)]
    redis: bool,
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
    anyhow::ensure!(args.edges == 1 || args.redis, "several edges have to share their room: add --redis");
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
        history: args.history,
    };
    demo::run(&plan)
}

fn parse_span(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let span: SignedDuration = text.parse().map_err(|_| "write a span like 90s or 2m, or plain seconds".to_owned())?;
    Duration::try_from(span).map_err(|_| "lies in the past: give a span from now on".to_owned())
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
