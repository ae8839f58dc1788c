//! What every run of people against a room is told on the command line, and how it reports.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use fairgate_crowd::Target;
use serde::Serialize;

/// Where a run goes, and its bounds.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The protected page, over plain HTTP.
    #[arg(default_value = "http://127.0.0.1:8080/")]
    url: String,
    /// The room's name, as in the edge's configuration.
    #[arg(long, default_value = "demo")]
    pub(crate) room: String,
    /// Give everybody an address of their own (X-Forwarded-For). The target has to trust this machine: the
    /// crowd comes from several of its addresses, so write `edge.trusted_proxies = ["127.0.0.0/8"]`.
    #[arg(long)]
    pub(crate) forwarded_for: bool,
    /// The random seed. It decides nonces, and in which order people come.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seconds after which the run ends.
    #[arg(long, default_value_t = 600)]
    time_limit: u64,
    /// The number of sockets that may be open at once.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) connections: usize,
    /// Also write the report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Allow a target on another machine. Use it only for a target that you own.
    #[arg(long)]
    i_own_this_target: bool,
}

impl RunArgs {
    /// Where the people go.
    pub(crate) fn target(&self) -> anyhow::Result<Target> {
        let target =
            if self.i_own_this_target { Target::owned(&self.url)? } else { Target::on_this_machine(&self.url)? };
        Ok(target)
    }

    /// When the run ends.
    pub(crate) fn time_limit(&self) -> Duration {
        Duration::from_secs(self.time_limit)
    }

    /// Prints a report, and writes it to the file that was named.
    #[expect(clippy::print_stdout, reason = "the report is this program's output")]
    pub(crate) fn tell(&self, report: &(impl Display + Serialize)) -> anyhow::Result<()> {
        print!("{report}");
        let Some(file) = &self.report else { return Ok(()) };
        let json = serde_json::to_string_pretty(report)?;
        std::fs::write(file, json + "\n").with_context(|| format!("cannot write the report to {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        run: RunArgs,
    }

    fn run(args: &[&str]) -> RunArgs {
        Program::parse_from([&["program"], args].concat()).run
    }

    #[test]
    fn another_machine_is_a_target_only_for_whoever_says_that_it_is_theirs() {
        assert!(run(&[]).target().is_ok(), "this machine");
        assert!(run(&["http://192.0.2.1/"]).target().is_err());
        assert!(run(&["http://192.0.2.1/", "--i-own-this-target"]).target().is_ok());
    }

    #[test]
    fn a_report_is_written_where_it_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let (file, nowhere) = (dir.path().join("report.json"), dir.path().join("no/such"));
        run(&["--report", file.to_str().unwrap()]).tell(&7).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "7\n");
        let refused = run(&["--report", nowhere.to_str().unwrap()]).tell(&7).unwrap_err();
        assert!(refused.to_string().contains("no/such"), "{refused}");
    }
}
