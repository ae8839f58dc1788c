//! `failures.md` names every alert, and no other: whoever is woken by one finds what it means.

use std::collections::BTreeSet;

use crate::read;

fn names(text: &str, before: &str) -> BTreeSet<String> {
    let found = text.match_indices(before).map(|(at, before)| &text[at + before.len()..]);
    found
        .map(|rest| rest.split(|sign: char| !sign.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn every_alert_is_among_the_failures() {
    let alerts = names(&read("observability/alerts.yml"), "alert: ");
    let explained = names(&read("docs/operations/failures.md"), "`Fairgate");
    let explained: BTreeSet<String> = explained.into_iter().map(|name| format!("Fairgate{name}")).collect();
    assert_eq!(explained, alerts, "alerts in docs/operations/failures.md, and in observability/alerts.yml");
}
