//! `fairgate config`: check configurations before they are used.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::config::{Config, RoomConfig, SaleConfig, Zones};
use fairgate_telemetry::clock::{Clock, SystemClock};

/// Check configuration files.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    step: Step,
}

/// Sales of a room that are listed.
const SALES_SHOWN: usize = 5;

#[derive(Debug, Subcommand)]
enum Step {
    /// Report every mistake with its file, line, key and remedy. Exit code 1 means that there is at least one.
    Check {
        /// The configuration files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// Runs one step.
///
/// # Errors
/// Where the output cannot be written.
pub(super) fn run(args: ConfigArgs) -> anyhow::Result<ExitCode> {
    let Step::Check { files } = args.step;
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let mut code = ExitCode::SUCCESS;
    writeln!(out, "time zones: {}", Zones::get())?;
    for file in files {
        match Config::load(&file) {
            Ok(config) => {
                writeln!(out, "{}: ok ({})", file.display(), summary(&config))?;
                for warning in config.warnings(SystemClock.now_ms()) {
                    writeln!(out, "    warning: {warning}")?;
                }
                for room in &config.rooms {
                    for line in schedule(room, SystemClock.now_ms()) {
                        writeln!(out, "    {}: {line}", room.name)?;
                    }
                    if let Some(told) = room.entry.told() {
                        writeln!(out, "    {}: {told}", room.name)?;
                    }
                }
                let missing = missing_tokens(&config).into_iter().chain(missing_secrets(&config));
                let unsaid = missing.chain(missing_campaigns(&config)).chain(unsaid_returns(&config));
                for note in unsaid.chain(log(&config)) {
                    writeln!(out, "    note: {note}")?;
                }
            }
            Err(error) => {
                writeln!(err, "{error}")?;
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn summary(config: &Config) -> String {
    let names: Vec<_> = config.rooms.iter().map(|room| room.name.as_str()).collect();
    format!("rooms: {}", names.join(", "))
}

/// When the room's sales are: the one of this moment and those after it, as many as anybody reads.
fn schedule(room: &RoomConfig, now_ms: u64) -> Vec<String> {
    let first = room.sales.iter().position(|sale| !sale.is_over(now_ms));
    // When all are over it is the last one that fans are told of.
    let coming = &room.sales[first.unwrap_or(room.sales.len().saturating_sub(1))..];
    let mut lines: Vec<String> = coming.iter().take(SALES_SHOWN).map(times).collect();
    if coming.len() > SALES_SHOWN {
        let last = coming.last().map_or_else(String::new, |sale| in_zone(sale.starts_at_ms, sale.zone.as_deref()));
        lines.push(format!("and {} more sales, the last one from {last}", coming.len() - SALES_SHOWN));
    }
    lines
}

/// When a sale is, in the zone that it was written in.
fn times(sale: &SaleConfig) -> String {
    let SaleConfig { opens_at_ms, starts_at_ms, ends_at_ms, .. } = *sale;
    let at = |at_ms| in_zone(at_ms, sale.zone.as_deref());
    let name = sale.name.as_ref().map_or_else(String::new, |name| format!("{name}: "));
    let pool =
        if opens_at_ms == starts_at_ms { "no pool".to_owned() } else { format!("pool from {}", at(opens_at_ms)) };
    let end = ends_at_ms.map_or("no end".to_owned(), |ends_at_ms| format!("until {}", at(ends_at_ms)));
    format!("{name}{pool}, sale from {}, {end}", at(starts_at_ms))
}

fn in_zone(at_ms: u64, zone: Option<&str>) -> String {
    let timestamp = i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let Some(timestamp) = timestamp else { return format!("{at_ms} ms") };
    match zone.and_then(|zone| Zones::get().database().get(zone).ok()) {
        Some(zone) => timestamp.to_zoned(zone).strftime("%a %F %H:%M:%S %Z (%:Q)").to_string(),
        None => timestamp.strftime("%a %F %H:%M:%S UTC").to_string(),
    }
}

/// A form that a bank sends comes without the pass, since browsers keep cookies of this kind from other sites' forms.
fn unsaid_returns(config: &Config) -> impl Iterator<Item = String> {
    let unsaid = config.rooms.iter().filter(|room| room.return_paths.is_none());
    unsaid.map(|room| {
        format!(
            "room {:?}: does a bank or payment provider send fans back with a form (3-D Secure)? Then name where to in \
             return_paths, like [\"/checkout/return\"], or they are asked first; if none does, write return_paths = []",
            room.name
        )
    })
}

/// Campaigns may come later, while the edge runs; until then their codes count for nobody.
fn missing_campaigns(config: &Config) -> impl Iterator<Item = String> {
    let named = config.rooms.iter().flat_map(|room| room.entry.codes.iter().map(move |codes| (room, &codes.campaign)));
    named.filter_map(|(room, campaign)| {
        let file = config.edge.codes.join(format!("{campaign}.fgc"));
        let remedy = format!("make it with `fairgate codes new {campaign}` or `fairgate codes import {campaign}`");
        (!file.exists()).then(|| {
            format!(
                "room {:?}: {} is not there yet, so no code of {campaign} counts; {remedy}",
                room.name,
                file.display()
            )
        })
    })
}

/// Secrets belong to the machine that runs the edge, as tokens do.
fn missing_secrets(config: &Config) -> impl Iterator<Item = String> {
    let missing = |room: &RoomConfig| room.entry.resolve(|name| std::env::var(name).ok()).err().unwrap_or_default();
    config.rooms.iter().flat_map(move |room| {
        let name = room.name.clone();
        missing(room).into_iter().map(move |sentence| format!("room {name:?}: {sentence}"))
    })
}

/// What the draw log, or that there is none, means for fans.
fn log(config: &Config) -> Option<String> {
    let Some(log) = &config.draw_log else {
        return Some(
            "no draw log is kept, so fans have your word alone, and what their own browsers saw, for when a pool was frozen; \
             `fairgate keys log` makes the key of one"
                .to_owned(),
        );
    };
    if log.witnesses.is_empty() {
        return Some(
            "the draw log has no witness: it shows fans what was drawn when, and nobody outside confirms it".to_owned(),
        );
    }
    let signer = log.signer(|name| std::env::var(name).ok());
    Some(
        signer
            .map_or_else(|why| why, |signer| format!("the draw log's public key, for its witnesses: {}", signer.key())),
    )
}

/// Tokens belong to the machine that runs the edge, which need not be the one that checks the file.
fn missing_tokens(config: &Config) -> Vec<String> {
    config.admin.resolve(|name| std::env::var(name).ok()).err().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_next_five_sales_are_shown_in_their_zone() {
        let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config/weekly.toml"));
        let config =
            Config::parse(&std::fs::read_to_string(file).unwrap(), file).unwrap_or_else(|error| panic!("{error}"));
        let room = &config.rooms[0];
        // 2027-03-25.
        let march = 1_805_932_800_000;
        let lines = schedule(room, march);
        assert_eq!(lines.len(), 6, "{lines:#?}");
        assert_eq!(
            lines[0],
            "friday: pool from Fri 2027-03-26 09:30:00 WET (Europe/Lisbon), sale from Fri 2027-03-26 10:00:00 WET \
             (Europe/Lisbon), until Fri 2027-03-26 20:00:00 WET (Europe/Lisbon)"
        );
        assert!(lines[1].contains("sale from Fri 2027-04-02 10:00:00 WEST (Europe/Lisbon)"), "{}", lines[1]);
        assert_eq!(lines[5], "and 10 more sales, the last one from Sat 2027-07-03 10:00:00 WEST (Europe/Lisbon)");
        let over = schedule(room, u64::MAX);
        assert!(over.len() == 1 && over[0].starts_with("summer-festival: "), "{over:?}");
    }
}
