//! The fans of one network, against the rest of the crowd. Many fans of one network are nothing: a campus, an office and a mobile
//! carrier have many. They are a signal where they buy unlike everybody else.

use std::collections::BTreeMap;

use super::chance::{UNLIKELY, at_least, score_of};
use super::crowd::{Crowd, Entry, fans, percent, signal};
use super::seen::Visit;
use super::{Signal, SignalKind};

const FANS_MIN: usize = 4;

/// What fans of a network may do more often than the others.
pub(super) struct Habit<'a> {
    pub(super) kind: SignalKind,
    /// What those who do it are called in the evidence.
    pub(super) name: &'static str,
    /// The words for it, of fans.
    pub(super) words: &'static str,
    /// The verb that stands for these words, of the others.
    pub(super) verb: &'static str,
    pub(super) is_so: Box<dyn Fn(&Visit) -> bool + 'a>,
}

/// A network whose fans take as many seats as they may, or pay in less time than nine of ten, far more often than the others.
pub(super) fn many_fans_one_network(crowd: &Crowd<'_>) -> Vec<Signal> {
    let (kind, verb) = (SignalKind::ManyFansOneNetwork, "did");
    let habits: [Habit<'_>; 2] = [
        Habit {
            kind,
            name: "takes_all",
            words: "took as many seats as they may",
            verb,
            is_so: Box::new(|visit: &Visit| crowd.takes_all(visit)),
        },
        Habit {
            kind,
            name: "quick",
            words: "paid within the time of the fastest tenth",
            verb,
            is_so: Box::new(|visit: &Visit| crowd.is_quick(visit)),
        },
    ];
    unlike_the_others(crowd, |visit| visit.paid_at.is_some(), &habits)
}

/// Networks whose fans have a habit far more often than the others, each with its strongest one. Only some bookings are counted.
pub(super) fn unlike_the_others(
    crowd: &Crowd<'_>,
    is_counted: fn(&Visit) -> bool,
    habits: &[Habit<'_>],
) -> Vec<Signal> {
    let networks = crowd.by(|visit| visit.network.filter(|_| is_counted(visit)));
    let large: Vec<_> = networks.iter().filter(|(_, entries)| fans(entries).len() >= FANS_MIN).collect();
    let looks = (large.len() * habits.len()) as f64;
    let told = large.iter().filter_map(|(network, entries)| {
        let found = habits.iter().filter_map(|habit| look(crowd, is_counted, **network, entries, habit, looks));
        found.max_by(|one, other| one.score.total_cmp(&other.score))
    });
    told.collect()
}

fn look(
    crowd: &Crowd<'_>,
    is_counted: fn(&Visit) -> bool,
    network: i64,
    entries: &[Entry<'_>],
    Habit { kind, name, words, verb, is_so }: &Habit<'_>,
    looks: f64,
) -> Option<Signal> {
    let is_inside = |visit: &Visit| visit.network == Some(network);
    let usual = crowd.share_outside(is_counted, is_inside, is_so)?;
    let so: Vec<Entry<'_>> = entries.iter().copied().filter(|(_, visit)| is_so(visit)).collect();
    // What one fan does twice says nothing of the network.
    let (all, some) = (fans(entries).len(), fans(&so).len());
    let expected = at_least(some, all, usual) * looks;
    if some < FANS_MIN || expected > UNLIKELY {
        return None;
    }
    let usual_words = percent(usual);
    let why = format!("{some} of the {all} fans of one network {words}; {usual_words} of the others {verb}");
    let evidence = BTreeMap::from([
        ("fans", all as f64),
        (*name, some as f64),
        ("usual_share", usual),
        ("expected_by_chance", expected),
    ]);
    let subject = format!("network:{network:016x}");
    Some(signal(*kind, subject, score_of(expected), &so, (why, evidence)))
}
