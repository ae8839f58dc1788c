//! `fairgate event search`: the events that fans find by some words, as a table.

use std::io::Write;

use serde_json::Value;

use super::super::organizer::{Api, OrganizerArgs};

/// Asks once.
///
/// # Errors
/// When the core cannot be reached, or refuses.
pub(super) async fn run(args: &OrganizerArgs, words: &[String], json: bool) -> anyhow::Result<()> {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("q", &words.join(" ")).finish();
    let (found, _) = Api::open(args)?.get(&format!("events/search?{query}")).await?;
    let mut out = std::io::stdout().lock();
    if json {
        return Ok(writeln!(out, "{found}")?);
    }
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for event in found["events"].as_array().into_iter().flatten() {
        let (id, title) = (word(&event["id"]), word(&event["title"]));
        let (when, venue) = (word(&event["starts_at_local"]).replace('T', " "), word(&event["venue"]));
        writeln!(out, "{id:32} {when}  {title} · {venue}")?;
    }
    let note = match (found["relaxed"] == true, found["stale"] == true) {
        (_, true) => "; the index is not whole at this moment",
        (true, _) => "; none has all of the words",
        _ => "",
    };
    Ok(writeln!(out, "{} found{note}", found["total"])?)
}
