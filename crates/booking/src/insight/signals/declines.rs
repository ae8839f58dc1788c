//! Cards that are tried: declines in a row, of one fan or of the fans of one network.

use std::collections::{BTreeMap, BTreeSet};

use super::chance::{UNLIKELY, at_least, score_of, score_of_count};
use super::crowd::{Crowd, Entry, fans, percent, signal};
use super::seen::Visit;
use super::{Signal, SignalKind};

/// People have a second card, and a third one.
const CARDS_MIN: usize = 4;
/// Where the provider does not say which cards they were: people mistype.
const DECLINES_MIN: usize = 8;
const FANS_MIN: usize = 4;

/// Payments that are declined one after the other, as if cards were tried.
pub(super) fn card_testing(crowd: &Crowd<'_>) -> Vec<Signal> {
    let mut told: Vec<Signal> =
        crowd.by(|visit| Some(visit.fan)).values().filter_map(|entries| of_fan(entries)).collect();
    let networks = crowd.by(|visit| visit.pay_started_at.and(visit.network));
    let large: Vec<_> = networks.iter().filter(|(_, entries)| fans(entries).len() >= FANS_MIN).collect();
    let looks = large.len() as f64;
    told.extend(large.iter().filter_map(|(network, entries)| of_network(crowd, **network, entries, looks)));
    told
}

/// The latest declines of one fan, with no payment in between.
fn of_fan(entries: &[Entry<'_>]) -> Option<Signal> {
    let paid_at = entries.iter().filter_map(|(_, visit)| visit.paid_at).max().unwrap_or(i64::MIN);
    let in_a_row = entries.iter().flat_map(|(_, visit)| &visit.declines).filter(|(at, _)| *at > paid_at);
    let (declines, cards) = in_a_row.fold((0, BTreeSet::new()), |(declines, mut cards), (_, card)| {
        cards.extend(*card);
        (declines + 1, cards)
    });
    if cards.len() < CARDS_MIN && declines < DECLINES_MIN {
        return None;
    }
    let fan = entries.first()?.1.fan;
    let why = match cards.len() {
        0 => format!("{declines} payments of one fan were declined in a row"),
        cards => format!("{declines} payments of one fan were declined in a row, of {cards} cards"),
    };
    let evidence = BTreeMap::from([("declines", declines as f64), ("cards", cards.len() as f64)]);
    let score = score_of_count(cards.len().max(declines / 2));
    Some(signal(SignalKind::CardTesting, format!("fan:{fan:016x}"), score, entries, (why, evidence)))
}

/// Fans of one network who are declined far more often than the others.
fn of_network(crowd: &Crowd<'_>, network: i64, entries: &[Entry<'_>], looks: f64) -> Option<Signal> {
    let is_declined = |visit: &Visit| !visit.declines.is_empty() && visit.paid_at.is_none();
    let is_inside = |visit: &Visit| visit.network == Some(network);
    let usual = crowd.share_outside(|visit| visit.pay_started_at.is_some(), is_inside, is_declined)?;
    let declined: Vec<Entry<'_>> = entries.iter().copied().filter(|(_, visit)| is_declined(visit)).collect();
    let (all, some) = (fans(entries).len(), fans(&declined).len());
    let expected = at_least(some, all, usual) * looks;
    if some < FANS_MIN || expected > UNLIKELY {
        return None;
    }
    let usual_words = percent(usual);
    let why = format!("{some} of the {all} fans of one network were declined; {usual_words} of the others were");
    let evidence = BTreeMap::from([
        ("fans", all as f64),
        ("declined", some as f64),
        ("usual_share", usual),
        ("expected_by_chance", expected),
    ]);
    let subject = format!("network:{network:016x}");
    Some(signal(SignalKind::CardTesting, subject, score_of(expected), &declined, (why, evidence)))
}
