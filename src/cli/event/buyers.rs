//! `fairgate event buyers`: who buys.

use std::io::Write;

use serde_json::Value;

use super::super::organizer::{Api, OrganizerArgs};

/// Shows it once.
///
/// # Errors
/// When the core cannot be reached, or refuses.
pub(super) async fn run(args: &OrganizerArgs, event: &str, json: bool) -> anyhow::Result<()> {
    let (buyers, _) = Api::open(args)?.get(&format!("events/{event}/buyers")).await?;
    let mut out = std::io::stdout();
    if json {
        writeln!(out, "{buyers}")?
    } else {
        write!(out, "{}", table(&buyers))?
    }
    Ok(())
}

/// The table of one answer.
fn table(buyers: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let percent =
        |value: &Value| value.as_f64().map_or_else(|| "?".to_owned(), |share| format!("{:.0}%", share * 100.0));
    let mut text = format!(
        "{} at {} (counted from {}, {} s behind)\n",
        word(&buyers["event"]),
        word(&buyers["at"]),
        word(&buyers["knows_from"]),
        buyers["behind_seconds"]
    );
    text += &format!(
        "  {} fans have {} seats, {} of them bought again; the hundredth part with the most has {}\n",
        buyers["fans"],
        buyers["seats"],
        buyers["again"],
        percent(&buyers["top_share"])
    );
    for group in buyers["with_seats"].as_array().into_iter().flatten() {
        text += &format!("  {:>8} fans with {}\n", group["fans"].to_string(), group["seats"]);
    }
    for limit in buyers["if_limit"].as_array().into_iter().flatten().filter(|limit| limit["seats_left"] != 0) {
        text += &format!("  a limit of {} would leave {} seats to others\n", limit["seats_max"], limit["seats_left"]);
    }
    text
}
