//! What fans share who seem to have nothing to do with each other: a card, or a mailbox.

use std::collections::BTreeMap;

use super::chance::score_of_count;
use super::crowd::{Crowd, Entry, fans, signal};
use super::seen::Visit;
use super::{Signal, SignalKind};

/// Two may be a couple, or one person with two browsers.
const FANS_MIN: usize = 3;

/// Several fans have paid with one card, as the payment provider recognises it.
pub(super) fn many_fans_one_card(crowd: &Crowd<'_>) -> Vec<Signal> {
    shared(crowd, SignalKind::ManyFansOneCard, "card", |visit| visit.card)
}

/// Several fans have paid and gave mail addresses of one mailbox: the same but for dots, and for what follows a `+`.
pub(super) fn mailbox_family(crowd: &Crowd<'_>) -> Vec<Signal> {
    shared(crowd, SignalKind::MailboxFamily, "mailbox", |visit| visit.mailbox)
}

fn shared(crowd: &Crowd<'_>, kind: SignalKind, what: &str, of: fn(&Visit) -> Option<i64>) -> Vec<Signal> {
    let paid = crowd.by(|visit| visit.paid_at.and_then(|_| of(visit)));
    let told = paid.iter().filter_map(|(digest, entries)| tell(kind, what, *digest, entries));
    told.collect()
}

fn tell(kind: SignalKind, what: &str, digest: i64, entries: &[Entry<'_>]) -> Option<Signal> {
    let fans = fans(entries).len();
    if fans < FANS_MIN {
        return None;
    }
    let seats: usize = entries.iter().map(|(_, visit)| visit.units.len()).sum();
    let why = format!("{fans} fans have bought {seats} seats with one {what}");
    let evidence = BTreeMap::from([("fans", fans as f64), ("seats", seats as f64)]);
    Some(signal(kind, format!("{what}:{digest:016x}"), score_of_count(fans), entries, (why, evidence)))
}
