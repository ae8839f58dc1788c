//! Which seeds to play.

use clap::Args;

/// Simulates several edges and a store that break, and checks that every promise holds.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The number of seeds to play.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// Play only this seed.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    pub seed: Option<u64>,
    /// Play rooms with tiers, in which everybody shows an identity.
    #[arg(long)]
    pub tiers: bool,
    /// Play such rooms with places that are bound to keys, and that move to second devices.
    #[arg(long, conflicts_with = "tiers")]
    pub moves: bool,
    /// Print what happens, step by step. Needs --seed.
    #[arg(long, requires = "seed")]
    pub trace: bool,
    /// The number of seeds played at the same time. The default is the number of processors.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=256))]
    pub threads: Option<u64>,
}
