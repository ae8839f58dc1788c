//! `make bench`: each figure beside its reference in one run, as a ratio, into `target/bench.json`.
//!
//! `make bench ARGS="[NAME…] [--rounds N]"` runs the named groups only. Ours and the reference take
//! turns, so that a change of the machine's speed hits both; ratios are medians over the rounds.

#![expect(clippy::print_stdout, reason = "a benchmark reports on the terminal")]

mod audit;
mod bare;
mod claim;
mod console;
mod cpu;
mod draw;
mod edge;
mod fleet;
mod gate;
mod h2load;
mod idle;
mod join;
mod leak;
mod memory;
mod nginx;
mod proxy;
mod report;
mod reservations;
mod servers;
mod soak;
mod status;
mod tls;
mod work;
mod wrk;

use std::path::PathBuf;

use clap::Parser;

use crate::report::Row;

/// Measure fairgate against its references, side by side.
#[derive(Debug, Parser)]
struct Args {
    /// The groups to run. The default is all groups but `leak`.
    #[arg(value_parser = GROUPS)]
    groups: Vec<String>,
    /// The number of rounds. In each, fairgate and its reference take turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Run the soak test instead, for so many minutes: crowds and faults, while memory, descriptors and threads stay flat.
    #[arg(long, value_name = "MINUTES", conflicts_with = "groups", value_parser = clap::value_parser!(u64).range(8..=600))]
    soak: Option<u64>,
    /// The file for the results, as JSON.
    #[arg(long, default_value = "target/bench.json")]
    output: PathBuf,
}

/// The groups in the order in which they run.
const GROUPS: [&str; 15] = [
    "draw",
    "audit",
    "work",
    "gate",
    "status",
    "idle",
    "join",
    "claim",
    "console",
    "fleet",
    "reservations",
    "core-http",
    "wear",
    "search",
    LEAK,
];
/// Takes minutes, and shows a course of events rather than a cost: it runs where it is named.
const LEAK: &str = "leak";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, verb, listen, upstream] = arguments.as_slice()
        && verb == bare::VERB
    {
        proxy::serve(listen, upstream);
    }
    let args = Args::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    if let Some(minutes) = args.soak {
        return runtime.block_on(soak::run(minutes));
    }
    for group in GROUPS {
        if args.groups.is_empty() && group != LEAK || args.groups.iter().any(|wanted| wanted == group) {
            println!("{group}");
            let rows = runtime.block_on(measure(group, args.rounds))?;
            rows.iter().for_each(report::print);
            report::save(&args.output, rows)?;
        }
    }
    println!("written to {}", args.output.display());
    Ok(())
}

async fn measure(group: &str, rounds: usize) -> anyhow::Result<Vec<Row>> {
    match group {
        "draw" => draw::run(rounds),
        "audit" => audit::run(rounds),
        "work" => work::run(rounds),
        "gate" => gate::run(rounds).await,
        "status" => status::run(rounds).await,
        "idle" => idle::run().await,
        "join" => join::run(rounds).await,
        "claim" => claim::run(rounds).await,
        "console" => console::run(rounds).await,
        "fleet" => fleet::run(rounds).await,
        "reservations" => reservations::run(rounds).await,
        "core-http" => reservations::core_http::run(rounds).await,
        "wear" => reservations::wear::run(rounds).await,
        "search" => reservations::search::run(rounds).await,
        LEAK => leak::run().await,
        other => anyhow::bail!("there is no group {other}"),
    }
}
