//! `fairgate-sim`: simulations on paper time, one verb each.

#![expect(clippy::print_stdout, reason = "a simulation reports on the terminal")]

use clap::{Parser, Subcommand};
use fairgate_sim::onsale;

/// Plays fairgate's decisions on paper time.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// A whole on-sale at internet scale: what the store, each edge and the network would carry.
    Onsale(onsale::Options),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().verb {
        Verb::Onsale(options) => {
            let report = onsale::play(&options)?;
            println!("{report}");
            if let Some(file) = &options.json {
                std::fs::write(file, serde_json::to_vec_pretty(&report)?)?;
                println!("written to {}", file.display());
            }
            Ok(())
        }
    }
}
