//! `fairgate store`: check the files of a store, and restore a backup.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::admin::audit_line;
use fairgate_store::check;
use fairgate_store::embedded::{Gap, Restore, Restored, restore};
use fairgate_telemetry::clock::{Clock, SystemClock};

/// Check the files of a store, and restore a backup.
#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Report the state of each file in a store's directory: whole, torn, rotten, missing or unreadable.
    ///
    /// Changes nothing; the edge may keep running. A torn file ends in an incomplete write that no fan got an answer for: that
    /// is no damage. A rotten file has bytes that differ from those written. Exit code 1 means that a file is rotten, missing
    /// or unreadable.
    Check {
        /// The directory: an edge's `store.path`, or a backup of it.
        dir: PathBuf,
    },
    /// Restore an embedded store from a backup, so that no number is given out twice.
    ///
    /// Stop the edge. Move the rest of its store.path away and keep it. Restore, then start the edge. A backup is a
    /// copy of the directory, and may be made while the edge runs. Numbers after the last one in the backup may have
    /// been given out since. So some of them are skipped, and fans who hold one keep it. Fans who were admitted since
    /// are called again, unless --lost finds the list of claims: then their sessions continue.
    Restore(RestoreArgs),
}

#[derive(Debug, Args)]
struct RestoreArgs {
    /// The directory of the backup.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The store's directory: `store.path` in the configuration. It is created if missing, and must hold no rooms.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// The rest of the lost store. Its list of claims says who was admitted since the backup.
    #[arg(long, value_name = "DIR")]
    lost: Option<PathBuf>,
    /// The count of numbers to skip in each room. The default is twice what the highest pace in the backup would have given
    /// out since, and at least 1,000.
    #[arg(long, value_name = "NUMBERS")]
    gap: Option<u64>,
    /// Restore a room whose pool was open in the backup and has closed since. Two fans may then hold the same place.
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
            let findings = check::check(dir, |line| audit_line(line).is_some())
                .with_context(|| format!("{} cannot be read", dir.display()))?;
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
