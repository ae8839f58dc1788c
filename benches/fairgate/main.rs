//! `make bench`: each figure beside its reference in one run, as a ratio, into `target/bench.json`.
//!
//! `cargo bench --bench fairgate -- [NAME…] [--rounds N]` runs the named groups only. Ours and the reference take
//! turns, so that a change of the machine's speed hits both; ratios are medians over the rounds.

#![expect(clippy::print_stdout, reason = "a benchmark reports on the terminal")]

mod bare;
mod cpu;
mod draw;
mod nginx;
mod report;
mod wrk;

use std::path::PathBuf;

use clap::Parser;

use crate::report::Row;

/// Measure fairgate against its references, side by side.
#[derive(Debug, Parser)]
struct Args {
    /// Groups to run; all of them where none is named.
    #[arg(value_parser = GROUPS.map(|(name, _)| name))]
    groups: Vec<String>,
    /// Rounds in which ours and the reference take turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Where the rows are written.
    #[arg(long, default_value = "target/bench.json")]
    output: PathBuf,
    /// Passed by `cargo bench`; means nothing here.
    #[arg(long, hide = true)]
    bench: bool,
}

type Group = fn(usize) -> anyhow::Result<Vec<Row>>;

const GROUPS: [(&str, Group); 1] = [("draw", draw::run)];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, verb, listen, upstream] = arguments.as_slice()
        && verb == bare::VERB
    {
        bare::serve(listen, upstream, 1);
    }
    let args = Args::parse();
    for (name, group) in GROUPS {
        if args.groups.is_empty() || args.groups.iter().any(|wanted| wanted == name) {
            println!("{name}");
            let rows = group(args.rounds)?;
            rows.iter().for_each(report::print);
            report::save(&args.output, rows)?;
        }
    }
    println!("written to {}", args.output.display());
    Ok(())
}
