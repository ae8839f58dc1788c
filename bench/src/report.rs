//! The rows of the benchmark: ours beside its reference, measured in one run, as a ratio with a goal.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

/// On which side of its goal a ratio should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// One comparison, as it stands in `target/bench.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) ours: f64,
    pub(crate) reference: f64,
    pub(crate) ratio: f64,
    pub(crate) goal: String,
    pub(crate) met: bool,
    pub(crate) unit: String,
}

impl Row {
    /// A row from rounds in which ours and the reference took turns. It has the medians of both, and the median of the
    /// ratios by pair, which holds still when the machine's speed drifts.
    pub(crate) fn from_rounds(name: &str, unit: &str, goal: Goal, rounds: &[(f64, f64)]) -> Self {
        let ours = median(rounds.iter().map(|round| round.0));
        let reference = median(rounds.iter().map(|round| round.1));
        let ratio = median(rounds.iter().map(|round| round.0 / round.1));
        let (goal, met) = match goal {
            Goal::AtMost(limit) => (format!("<= {limit}"), ratio <= limit),
            Goal::AtLeast(limit) => (format!(">= {limit}"), ratio >= limit),
        };
        Self { name: name.to_owned(), ours, reference, ratio, goal, met, unit: unit.to_owned() }
    }
}

impl Row {
    /// A row of one thing, measured several times, beside the limit that it is to keep: the median counts.
    pub(crate) fn within(name: &str, unit: &str, limit: f64, measured: impl Iterator<Item = f64>) -> Self {
        let rounds: Vec<(f64, f64)> = measured.map(|measured| (measured, limit)).collect();
        Self::from_rounds(name, unit, Goal::AtMost(1.0), &rounds)
    }
}

/// The middle value; the mean of the two middle ones where their number is even.
///
/// # Panics
/// Without a value there is no middle.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// Prints a row as it is measured.
pub(crate) fn print(row: &Row) {
    let mark = if row.met { "met" } else { "MISSED" };
    println!(
        "{:<44} ours {:>14.2}  reference {:>14.2} {:<22} ratio {:>7.3}  goal {:<8} {mark}",
        row.name, row.ours, row.reference, row.unit, row.ratio, row.goal
    );
}

/// Puts the rows into the file, keeping those of other benchmarks that this run did not measure.
pub(crate) fn save(path: &Path, rows: Vec<Row>) -> anyhow::Result<()> {
    let mut all: Vec<serde_json::Value> =
        fs::read(path).ok().and_then(|old| serde_json::from_slice(&old).ok()).unwrap_or_default();
    all.retain(|old| rows.iter().all(|row| old["name"] != row.name.as_str()));
    for row in rows {
        all.push(serde_json::to_value(row)?);
    }
    let text = serde_json::to_string_pretty(&all)?;
    fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}
