//! `fairgate-sim`: simulations on paper time, one verb each.

#![expect(clippy::print_stdout, reason = "a simulation reports on the terminal")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fairgate_sim::{faults, onsale};
use indicatif::{ProgressBar, ProgressStyle};

/// Runs fairgate's own decisions in a discrete-event simulation.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Simulate a whole on-sale at internet scale, and report what the store, each edge and the network carry.
    Onsale(onsale::Options),
    /// Simulate edges and a store that break, and check every promise after every step.
    Faults(faults::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    match Args::parse().verb {
        Verb::Onsale(options) => play_onsale(&options).map(|()| ExitCode::SUCCESS),
        Verb::Faults(options) => Ok(play_faults(&options)),
    }
}

fn play_onsale(options: &onsale::Options) -> anyhow::Result<()> {
    let report = onsale::play(options)?;
    println!("{report}");
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_vec_pretty(&report)?)?;
        println!("written to {}", file.display());
    }
    Ok(())
}

fn play_faults(options: &faults::Options) -> ExitCode {
    let summary = match options.seed {
        Some(seed) if options.trace => {
            let run = match (options.moves, options.tiers) {
                (true, _) => faults::tell_moves(seed),
                (false, true) => faults::tell_tiers(seed),
                (false, false) => faults::tell(seed),
            };
            run.lines.iter().for_each(|line| println!("{line}"));
            println!("{} steps, digest {}", run.steps, run.digest);
            return exit_code(run.broken.is_empty());
        }
        Some(seed) => faults::run_all(&faults::Options { seeds: 1, from: seed, ..options.clone() }, |_| ()),
        None => with_progress(options),
    };
    // Nobody reads more than a few.
    for run in summary.failed.iter().take(3) {
        println!("{}", run.complaint());
    }
    for run in summary.failed.iter().skip(3) {
        println!("{}", run.verdict());
    }
    println!("{summary}");
    exit_code(summary.failed.is_empty())
}

fn with_progress(options: &faults::Options) -> faults::Summary {
    let style = ProgressStyle::with_template("{pos} of {len} seeds  {wide_bar}  {elapsed} of {duration}{msg}");
    let bar = ProgressBar::new(options.seeds).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let summary = faults::run_all(options, |run| {
        if !run.broken.is_empty() {
            bar.set_message(format!("  seed {} broke a promise", run.seed));
        }
        bar.inc(1);
    });
    bar.finish_and_clear();
    summary
}

fn exit_code(is_kept: bool) -> ExitCode {
    if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
