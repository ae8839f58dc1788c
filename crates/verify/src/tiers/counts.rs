//! What the operator has published in numbers of a draw's entry: who came how, who was refused, who was asked.
//!
//! The numbers are the operator's word. The check is that it is signed, and of this draw, so that it cannot be taken back.

use fairgate_draw::Hash;
use fairgate_token::KeySet;
use serde_json::Value;

use crate::source::{Source, SourceError};

/// A note about the numbers, where there are any.
///
/// # Errors
/// When there are some and they cannot be read.
pub(super) fn note(source: &Source, keys: Option<&KeySet>, digest: &Hash) -> Result<Option<String>, SourceError> {
    let Some(text) = source.counts()? else { return Ok(None) };
    let Ok(counts) = serde_json::from_str::<Value>(&text) else {
        return Ok(Some("the numbers of the entry cannot be read".to_owned()));
    };
    Ok(Some(match (is_of(&counts, digest), keys.map(|keys| keys.verify_counts(counts.clone()))) {
        (false, _) => "the numbers of the entry are of another draw".to_owned(),
        (true, None) => format!("{}; there are no keys to check their signature with", told(&counts)),
        (true, Some(Ok(kid))) => format!("{}; signed by key {kid}", told(&counts)),
        (true, Some(Err(error))) => format!("the numbers of the entry are not signed by the operator: {error}"),
    }))
}

fn is_of(counts: &Value, digest: &Hash) -> bool {
    counts["descriptor_digest"].as_str() == Some(&hex::encode(digest))
}

/// The numbers in a sentence.
fn told(counts: &Value) -> String {
    let entry = &counts["entry"];
    let number = |key: &str| entry[key].as_u64().unwrap_or(0);
    let refused: u64 =
        entry["refused"].as_object().into_iter().flat_map(|all| all.values()).filter_map(Value::as_u64).sum();
    let when = if counts["ended"] == true { "at the end" } else { "so far" };
    let [entries, asked, shown, overruled, moved] = ["entries", "asked", "shown", "overruled", "moved"].map(number);
    format!(
        "the operator counts, {when}: {entries} entries, {refused} refusals, {asked} asked at the claim and {shown} of them showed \
         it, {overruled} overruled, {moved} moved to another device"
    )
}
