//! `fairgate store`: how the directory of a store is, and how a backup becomes one.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::clock::{Clock, SystemClock};
use crate::store::check;
use crate::store::embedded::{Gap, Restore, Restored, restore};

/// Look after the directory of a store.
#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Tell what is in a store's directory, file by file: whole, torn, rotten, missing or unreadable.
    ///
    /// Nothing is changed, and an edge may be running meanwhile. A torn file ends in a write that was cut short, for which
    /// nobody was answered: it is no damage. Exits with 1 where something is rotten, missing or unreadable.
    Check {
        /// The directory: `store.path` of an edge, or a backup of one.
        dir: PathBuf,
    },
    /// Make a backup of an embedded store the store again, so that nothing is given twice that was given since.
    ///
    /// Stop the edge, move what is left of its store.path away and keep it, restore, start the edge. A backup is a copy of
    /// the directory, and may be made while the edge runs. Behind the last number that the backup knows some are left out,
    /// since they may have been given: whoever holds one of them keeps it. Those who were let in since are called again,
    /// unless --lost finds the list of claims: then their sessions go on.
    Restore(RestoreArgs),
}

#[derive(Debug, Args)]
struct RestoreArgs {
    /// The backup.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The store's directory, as the configuration's store.path has it; made where it is missing, and without rooms.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// What is left of the store that was lost: who was let in since the backup is taken from there.
    #[arg(long, value_name = "DIR")]
    lost: Option<PathBuf>,
    /// Leave out so many numbers in each room. Without it: twice as many as at the highest pace in the backup would have
    /// been given since, and 1,000 at least.
    #[arg(long, value_name = "NUMBERS")]
    gap: Option<u64>,
    /// Restore a room whose pool was open in the backup and has closed since, though two fans may hold one place then.
    #[arg(long)]
    across_start: bool,
}

/// Runs one step.
///
/// # Errors
/// What cannot be read, or not be restored, and what to do about it.
pub(super) fn run(args: &StoreArgs) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    match &args.step {
        Step::Check { dir } => {
            let findings = check::check(dir).with_context(|| format!("{} cannot be read", dir.display()))?;
            for finding in &findings {
                writeln!(out, "{:<10}  {}: {}", finding.condition, finding.path.display(), finding.what)?;
            }
            if findings.is_empty() {
                writeln!(out, "{} has nothing of a store", dir.display())?;
            }
            let is_well = !findings.iter().any(|finding| finding.condition.is_alarming());
            Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Step::Restore(args) => {
            let restored = restore(&Restore {
                backup: &args.from,
                into: &args.to,
                lost: args.lost.as_deref(),
                gap: args.gap.map_or(Gap::Guess, Gap::Of),
                across_start: args.across_start,
                now_ms: SystemClock.now_ms(),
            })?;
            restored.iter().try_for_each(|room| tell(room, &mut out))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn tell(room: &Restored, mut out: impl Write) -> io::Result<()> {
    let Restored { room, age_ms, known, left_out, admitted } = room;
    let age_s = age_ms / 1_000;
    match left_out {
        0 => writeln!(out, "{room}: as it was {age_s} s ago; nobody can have come since")?,
        _ => writeln!(
            out,
            "{room}: as it was {age_s} s ago, with {known} numbers given; {left_out} are left out behind them"
        )?,
    }
    if *admitted > 0 {
        writeln!(out, "{room}: {admitted} places were admitted since, and are not admitted again")?;
    }
    Ok(())
}
