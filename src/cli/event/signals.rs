//! `fairgate event signals`: what in a sale does not look like people who buy for themselves.

use std::io::Write;

use serde_json::Value;

use super::super::organizer::{Api, OrganizerArgs};

/// Shows them once, the strongest first.
///
/// # Errors
/// When the core cannot be reached, or refuses.
pub(super) async fn run(args: &OrganizerArgs, event: &str, json: bool) -> anyhow::Result<()> {
    let (list, _) = Api::open(args)?.get(&format!("events/{event}/signals")).await?;
    let mut out = std::io::stdout();
    if json {
        writeln!(out, "{list}")?
    } else {
        write!(out, "{}", table(&list))?
    }
    Ok(())
}

/// The table of one answer.
fn table(list: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let signals = list["signals"].as_array().map_or(&[][..], Vec::as_slice);
    let mut text = format!(
        "{} at {}: {} signals (known from {}, {} s behind)\n",
        word(&list["event"]),
        word(&list["at"]),
        signals.len(),
        word(&list["knows_from"]),
        list["behind_seconds"]
    );
    for signal in signals {
        let score = signal["score"].as_f64().unwrap_or_default();
        text += &format!("  {score:.2}  {:22} {}\n", word(&signal["kind"]), word(&signal["why"]));
        text += &format!(
            "        {} to {}, {}\n",
            word(&signal["first_at"]),
            word(&signal["last_at"]),
            word(&signal["subject"])
        );
        for booking in signal["bookings"].as_array().into_iter().flatten() {
            let review = if booking["in_review"] == true { ", in review" } else { "" };
            text += &format!("        {}  {}{review}\n", word(&booking["number"]), word(&booking["status"]));
        }
    }
    text
}
