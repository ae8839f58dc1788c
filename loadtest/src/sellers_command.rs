//! `crowd sellers`: its arguments, and its report on the terminal.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use fairgate_crowd::{Sellers, run_sellers};

use crate::run_args::RunArgs;

/// Sends people who sell copied tickets and share copied passes into a room beside honest fans, and reports who is inside.
#[derive(Debug, Args)]
pub(crate) struct SellersArgs {
    #[command(flatten)]
    run: RunArgs,
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
}

impl SellersArgs {
    /// Runs everybody and prints the report.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let report = run_sellers(self.sellers()?).await?;
        self.run.tell(&report)?;
        Ok(ExitCode::SUCCESS)
    }

    fn sellers(&self) -> anyhow::Result<Sellers> {
        Ok(Sellers {
            target: self.run.target()?,
            room: self.run.room.clone(),
            fans: self.fans,
            tickets: self.tickets,
            passes: self.passes,
            guests: self.guests,
            stay: Duration::from_secs(self.stay),
            forwarded_for: self.run.forwarded_for,
            seed: self.run.seed,
            time_limit: self.run.time_limit(),
            connections_max: self.run.connections,
        })
    }
}
