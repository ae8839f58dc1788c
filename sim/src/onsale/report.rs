//! What the on-sale came to.

use std::fmt;

use serde::Serialize;

use super::meter::{Carried, Took};

/// What the store, the edges and the network carried, and how long people waited.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Fans in all.
    pub fans: u32,
    /// Edges in all.
    pub edges: usize,
    /// Entries in the pool.
    pub pool: u64,
    /// All places.
    pub places: u64,
    /// Sessions let in.
    pub admitted: u64,
    /// Called places that nobody claimed.
    pub expired: u64,
    /// Seats sold.
    pub seats: u32,
    /// From the start to the last seat, seconds.
    pub sold_out_after_s: Option<u64>,
    /// Requests and calls by kind.
    pub carried: Vec<Carried>,
    /// Calls to the store for each join.
    pub store_calls_per_join: f64,
    /// The roster, read once by each edge at the freeze: bytes an edge.
    pub roster_bytes: u64,
    /// Joins that found an edge's queue full and came back.
    pub shed: u64,
    /// How long people waited for answers.
    pub took: Vec<Took>,
    /// Fans let in twice, or before a lower place that was there: none.
    pub broken_promises: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fans, edges, pool, places, admitted, expired, seats, .. } = self;
        writeln!(f, "{fans} fans, {edges} edges: {pool} in the pool, {places} places")?;
        writeln!(f, "{admitted} let in, {expired} called but gone, {seats} seats sold")?;
        match self.sold_out_after_s {
            Some(after_s) => writeln!(f, "sold out {after_s} s after the start")?,
            None => writeln!(f, "not sold out")?,
        }
        writeln!(f, "\n{:<16}{:>15}{:>12}{:>14}{:>12}{:>12}", "", "in all", "peak/s", "an edge/s", "GB", "Gbit/s")?;
        for carried in &self.carried {
            let (gigabytes, gigabits) = (carried.bytes as f64 / 1e9, carried.peak_bytes_per_s as f64 * 8.0 / 1e9);
            let Carried { kind, total, peak_per_s, peak_per_s_and_edge, .. } = carried;
            writeln!(
                f,
                "{kind:<16}{total:>15}{peak_per_s:>12}{peak_per_s_and_edge:>14}{gigabytes:>12.1}{gigabits:>12.2}"
            )?;
        }
        writeln!(f, "\n{:<34}{:>12}{:>12}{:>12}", "", "median ms", "p99 ms", "longest ms")?;
        for Took { what, median_ms, p99_ms, longest_ms } in &self.took {
            writeln!(f, "{what:<34}{median_ms:>12}{p99_ms:>12}{longest_ms:>12}")?;
        }
        writeln!(
            f,
            "\nstore calls a join: {:.4}; joins turned away for a moment: {}",
            self.store_calls_per_join, self.shed
        )?;
        writeln!(f, "roster read by each edge at the freeze: {:.0} MB", self.roster_bytes as f64 / 1e6)?;
        match self.broken_promises.as_slice() {
            [] => write!(f, "every promise kept"),
            broken => write!(f, "BROKEN: {}", broken.join("; ")),
        }
    }
}
