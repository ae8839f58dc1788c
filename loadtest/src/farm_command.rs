//! `crowd farm`: its arguments, and its report on the terminal.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use fairgate_crowd::{Farm, run_farm};

use crate::run_args::RunArgs;

/// Sends a farm into a room's pool beside honest fans, and reports its share of the places after the draw.
#[derive(Debug, Args)]
pub(crate) struct FarmArgs {
    #[command(flatten)]
    run: RunArgs,
    /// The number of honest fans. Each is one person with one address, and makes one entry.
    #[arg(long, default_value_t = 500)]
    fans: u32,
    /// The number of entries that the farm tries to make.
    #[arg(long, default_value_t = 1_000)]
    entries: u32,
    /// The number of addresses that the farm has. Its entries are spread over them.
    #[arg(long, default_value_t = 20)]
    addresses: u32,
    /// The number of people behind the farm's entries: as many codes as it has.
    #[arg(long, default_value_t = 10)]
    people: u32,
    /// A file with a code on each line, as `fairgate codes new` writes it, for a room that asks for codes: one for
    /// each fan, then one for each of the farm's people.
    #[arg(long, value_name = "FILE")]
    codes: Option<PathBuf>,
    /// The number of places for sale. The report counts places from the front up to it.
    #[arg(long, default_value_t = 100)]
    seats: u64,
    /// The number of cores that solve puzzles.
    #[arg(long, default_value_t = 1)]
    cores: usize,
}

impl FarmArgs {
    /// Runs the farm and prints its report.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let report = run_farm(self.farm()?).await?;
        self.run.tell(&report)?;
        Ok(ExitCode::SUCCESS)
    }

    fn farm(&self) -> anyhow::Result<Farm> {
        let codes = match &self.codes {
            None => Vec::new(),
            Some(file) => {
                let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
                let codes = codes(&text);
                ensure!(!codes.is_empty(), "{} has no codes: one a line", file.display());
                codes
            }
        };
        Ok(Farm {
            target: self.run.target()?,
            room: self.run.room.clone(),
            fans: self.fans,
            entries: self.entries,
            addresses: self.addresses,
            people: self.people,
            codes,
            seats: self.seats,
            cores: self.cores,
            forwarded_for: self.run.forwarded_for,
            seed: self.run.seed,
            time_limit: self.run.time_limit(),
            connections_max: self.run.connections,
        })
    }
}

/// The codes of a file, without its header.
fn codes(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "code");
    lines.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_file_is_no_code() {
        assert_eq!(codes("code\r\nWJQ9-EA8C-MZCZ\r\n\r\n512B-M8ZS-AR3T\r\n"), ["WJQ9-EA8C-MZCZ", "512B-M8ZS-AR3T"]);
        assert_eq!(codes("code\n"), [""; 0]);
    }
}
