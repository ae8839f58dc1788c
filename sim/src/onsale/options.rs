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
    /// The number of fans.
    #[arg(long, default_value_t = 14_000_000, value_parser = clap::value_parser!(u32).range(1..i64::from(FANS_MAX)))]
    pub fans: u32,
    /// Percentage of fans who have the page open when the pool opens.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(..=100))]
    pub before_percent: u32,
    /// Percentage of fans who come after the start. The rest come while the pool is open.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(..=100))]
    pub late_percent: u32,
    /// Percentage of fans who close the page before it is their turn.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(..=100))]
    pub no_show_percent: u32,
    /// The number of seats on sale. Each session buys two.
    #[arg(long, default_value_t = 50_000)]
    pub seats: u32,
    /// How long the pool is open, in minutes.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub pool_minutes: u64,
    /// Fans admitted per minute.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate_per_minute: u32,
    /// The limit on sessions inside the shop at the same time.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_active: u64,
    /// The number of edges in each of the three regions.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub edges: u32,
    /// The most polls per second that all edges should see (`room.poll.per_second`).
    #[arg(long, default_value_t = 250_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub polls_per_second: u64,
    /// The random seed.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Also write the report to this file, as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
}
