//! A fleet's Redis: how often it is called, what a fan weighs in it, and how long it is kept busy at 14 million fans.

mod joins;
mod room;

use crate::report::Row;

/// Joins over HTTP, then one room as large as they come.
pub(crate) async fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let mut rows = joins::run(rounds).await?;
    rows.extend(room::run().await?);
    Ok(rows)
}
