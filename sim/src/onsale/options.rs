//! Who comes when, and where the edges are.

use std::path::PathBuf;

use clap::Args;

/// A region's edges, and how far they are from the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its name in the report.
    pub name: &'static str,
    /// Fans of a hundred.
    pub fans_percent: u32,
    /// A call to the store and back.
    pub round_trip_ms: u64,
}

/// The three regions; the store is in the first.
pub const REGIONS: [Region; 3] = [
    Region { name: "near", fans_percent: 50, round_trip_ms: 2 },
    Region { name: "overseas", fans_percent: 30, round_trip_ms: 80 },
    Region { name: "far", fans_percent: 20, round_trip_ms: 160 },
];

/// Fans are numbered in 24 bits of an event.
pub(crate) const FANS_MAX: u32 = 1 << 24;

/// A whole on-sale at internet scale.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Fans in all.
    #[arg(long, default_value_t = 14_000_000, value_parser = clap::value_parser!(u32).range(1..i64::from(FANS_MAX)))]
    pub fans: u32,
    /// Fans of a hundred who sit before the page when the pool opens.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(..=100))]
    pub before_percent: u32,
    /// Fans of a hundred who come after the start; the rest come while the pool is open.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(..=100))]
    pub late_percent: u32,
    /// Fans of a hundred who close the page before it is their turn.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(..=100))]
    pub no_show_percent: u32,
    /// Seats on sale; each session buys two.
    #[arg(long, default_value_t = 50_000)]
    pub seats: u32,
    /// How long the pool is open.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub pool_minutes: u64,
    /// People let in a minute.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate_per_minute: u32,
    /// Sessions inside at most.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_active: u64,
    /// Edges in each of the three regions.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub edges: u32,
    /// Polls a second that the edges are to see at most (`room.poll.per_second`).
    #[arg(long, default_value_t = 250_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub polls_per_second: u64,
    /// Decides everything that is left to chance.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Also write the report as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
}
