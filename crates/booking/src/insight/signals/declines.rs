//! Cards that are tried: declines in a row, of one fan or of the fans of one network.

use std::collections::{BTreeMap, BTreeSet};

use super::chance::score_of_count;
use super::crowd::{Crowd, Entry, signal};
use super::networks::{Habit, unlike_the_others};
use super::seen::Visit;
use super::{Signal, SignalKind};

/// People have a second card, and a third one.
const CARDS_MIN: usize = 4;
/// Where the provider does not say which cards they were: people mistype.
const DECLINES_MIN: usize = 8;

/// Payments that are declined one after the other, as if cards were tried.
pub(super) fn card_testing(crowd: &Crowd<'_>) -> Vec<Signal> {
    let mut told: Vec<Signal> =
        crowd.by(|visit| Some(visit.fan)).values().filter_map(|entries| of_fan(entries)).collect();
    // Fans of one network who are declined far more often than the others.
    let declined = Habit {
        kind: SignalKind::CardTesting,
        name: "declined",
        words: "were declined",
        verb: "were",
        is_so: Box::new(|visit: &Visit| !visit.declines.is_empty() && visit.paid_at.is_none()),
    };
    told.extend(unlike_the_others(crowd, |visit| visit.pay_started_at.is_some(), &[declined]));
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
