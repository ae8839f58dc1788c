//! `crowd sellers`: its arguments, and its report on the terminal.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use fairgate_crowd::{Sellers, Target, run_sellers};

/// Sends people who sell copied tickets and share copied passes into a room beside honest fans, and reports who is inside.
#[derive(Debug, Args)]
pub(crate) struct SellersArgs {
    /// The protected page, over plain HTTP.
    #[arg(default_value = "http://127.0.0.1:8080/")]
    url: String,
    /// The room's name, as in the edge's configuration.
    #[arg(long, default_value = "demo")]
    room: String,
    /// The number of honest fans.
    #[arg(long, default_value_t = 100)]
    fans: u32,
    /// The number of people who sell a copy of their ticket.
    #[arg(long, default_value_t = 50)]
    tickets: u32,
    /// The number of people who share their pass.
    #[arg(long, default_value_t = 10)]
    passes: u32,
    /// The number of browsers that each of them shares it with.
    #[arg(long, default_value_t = 5)]
    guests: u32,
    /// Seconds for which they stay before they are counted. A copy of a bound pass ends within `session.prove`.
    #[arg(long, default_value_t = 0)]
    stay: u64,
    /// Give everybody an address of their own (X-Forwarded-For). The target has to trust this machine: the
    /// crowd comes from several of its addresses, so write `edge.trusted_proxies = ["127.0.0.0/8"]`.
    #[arg(long)]
    forwarded_for: bool,
    /// The random seed that decides nonces.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds after which the run ends.
    #[arg(long, default_value_t = 600)]
    time_limit: u64,
    /// The number of sockets that may be open at once.
    #[arg(long, default_value_t = 1_000)]
    connections: usize,
    /// Also write the report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Allow a target on another machine. Use it only for a target that you own.
    #[arg(long)]
    i_own_this_target: bool,
}

impl SellersArgs {
    /// Runs everybody and prints the report.
    #[expect(clippy::print_stdout, reason = "the report is this program's output")]
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let file = self.report.clone();
        let report = run_sellers(self.sellers()?).await?;
        print!("{report}");
        if let Some(file) = file {
            let json = serde_json::to_string_pretty(&report)?;
            std::fs::write(&file, json + "\n").with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn sellers(self) -> anyhow::Result<Sellers> {
        let owned = self.i_own_this_target;
        let target = if owned { Target::owned(&self.url)? } else { Target::on_this_machine(&self.url)? };
        Ok(Sellers {
            target,
            room: self.room,
            fans: self.fans,
            tickets: self.tickets,
            passes: self.passes,
            guests: self.guests,
            stay: Duration::from_secs(self.stay),
            forwarded_for: self.forwarded_for,
            seed: self.seed,
            time_limit: Duration::from_secs(self.time_limit),
            connections_max: self.connections,
        })
    }
}
