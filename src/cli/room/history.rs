//! `fairgate room history`: what a room's numbers were, as a table or as CSV.

use std::io::Write;

use anyhow::Context;
use clap::Args;

use super::print::{self, print_json};
use super::span_ms;
use crate::admin::{Client, HistoryQuery, HistoryState};
use fairgate_telemetry::clock::{Clock, SystemClock};

/// What a terminal shows where nobody says what is wanted.
const SHORT: &str = "admitted_per_minute,rate,rate_set,waiting,called,inside,inside_max,shop_p99,shop_errors";
/// Rows of a table where nobody says how long a step is.
const ROWS: u64 = 60;

/// Which part of a room's history is shown.
#[derive(Debug, Args)]
pub(super) struct Wanted {
    /// The room's name.
    room: String,
    /// The series to show, with commas between them, or `all`.
    #[arg(long, value_name = "NAMES", default_value = SHORT, hide_default_value = true)]
    series: String,
    /// How far back it begins, such as 30m.
    #[arg(long, value_name = "SPAN", value_parser = span_ms, default_value = "1h", conflicts_with = "from")]
    last: u64,
    /// When it begins, such as 2026-12-01T18:00[Europe/Lisbon].
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// When it ends. The default is now.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The length of a step, such as 10s. The default makes sixty steps of --last, and is 1s with --from.
    #[arg(long, value_name = "SPAN", value_parser = span_ms)]
    step: Option<u64>,
    /// Print CSV.
    #[arg(long)]
    csv: bool,
}

/// Shows it.
pub(super) async fn show(client: &Client, wanted: Wanted, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let Wanted { room, series, last, from, to, step, csv } = wanted;
    let default_ms = if from.is_some() { 1_000 } else { last / ROWS };
    let step = u32::try_from(step.unwrap_or(default_ms).div_ceil(1_000)).context("--step is too long")?;
    let from = match (from, &to) {
        (Some(from), _) => from,
        (None, Some(_)) => anyhow::bail!("--to needs --from: say when the history begins"),
        (None, None) => time(SystemClock.now_ms().saturating_sub(last) / 1_000),
    };
    let series = Some(series).filter(|series| series != "all");
    let history = client.history(&room, &HistoryQuery { series, from: Some(from), to, step: Some(step) }).await?;
    match (json, csv) {
        (true, _) => print_json(out, &history),
        (_, true) => print_csv(out, &history),
        _ => print_table(out, &history),
    }
}

/// Each step with a value of each series, where it has any.
fn rows(history: &HistoryState) -> impl Iterator<Item = (String, Vec<String>)> {
    let steps = history.series.iter().map(|series| series.values.len()).max().unwrap_or(0);
    (0..steps as u64).filter_map(|step| {
        let place = usize::try_from(step).ok()?;
        let values = history.series.iter().map(|series| series.values.get(place).copied().flatten());
        let values: Vec<_> = values.collect();
        let is_known = values.iter().any(Option::is_some);
        let at_s = u64::from(history.from_s) + step * u64::from(history.step_s);
        let said = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
        is_known.then(|| (time(at_s), values.into_iter().map(said).collect()))
    })
}

fn print_csv(out: &mut impl Write, history: &HistoryState) -> anyhow::Result<()> {
    let names: Vec<&str> = history.series.iter().map(|series| &*series.name).collect();
    writeln!(out, "time,{}", names.join(","))?;
    for (at, values) in rows(history) {
        writeln!(out, "{at},{}", values.join(","))?;
    }
    Ok(())
}

fn print_table(out: &mut impl Write, history: &HistoryState) -> anyhow::Result<()> {
    let mut is_empty = true;
    write!(out, "{:20}", "time")?;
    for series in &history.series {
        write!(out, "  {}", series.name)?;
    }
    writeln!(out)?;
    for (at, values) in rows(history) {
        is_empty = false;
        write!(out, "{at:20}")?;
        for (value, series) in values.iter().zip(&history.series) {
            write!(out, "  {:>1$}", if value.is_empty() { "-" } else { value }, series.name.len())?;
        }
        writeln!(out)?;
    }
    if is_empty {
        writeln!(out, "nothing is kept of this time")?;
    }
    Ok(())
}

fn time(at_s: u64) -> String {
    print::time(at_s.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::SeriesState;

    #[test]
    fn steps_without_a_sample_are_left_out_and_numbers_stand_under_their_names() {
        let series = |name: &str, values: &[Option<u32>]| SeriesState {
            name: name.into(),
            unit: "people".into(),
            values: values.to_vec(),
        };
        let history = HistoryState {
            room: "final".into(),
            from_s: 1_790_000_000,
            step_s: 10,
            series: vec![series("waiting", &[Some(7), None, Some(9)]), series("stock", &[None, None, Some(4)])],
        };
        let (mut csv, mut table) = (Vec::new(), Vec::new());
        print_csv(&mut csv, &history).unwrap();
        print_table(&mut table, &history).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        assert_eq!(csv, "time,waiting,stock\n2026-09-21T14:13:20Z,7,\n2026-09-21T14:13:40Z,9,4\n");
        let table = String::from_utf8(table).unwrap();
        let last = table.lines().last().unwrap();
        assert_eq!((table.lines().count(), last), (3, "2026-09-21T14:13:40Z        9      4"));
    }
}
