//! Which seeds to play.

use clap::Args;

/// Faults on paper: several edges and a store that break, and promises that have to hold.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// How many seeds to play.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// Play this one only.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    pub seed: Option<u64>,
    /// Tell what happens, step by step.
    #[arg(long, requires = "seed")]
    pub trace: bool,
    /// Seeds that are played at the same time; as many as there are processors, if not said.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=256))]
    pub threads: Option<u64>,
}
