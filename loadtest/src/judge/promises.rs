//! The promises of a sale, each tested on everything that the crowd saw.

use std::collections::HashMap;

use super::Facts;
use crate::fan::{Broken, Life};
use crate::report::Invariant;
use crate::room::Called;
use crate::wire::Position;

const FINDINGS_SHOWN: usize = 5;

/// Tests all promises.
pub(crate) fn promises(facts: &Facts) -> Vec<Invariant> {
    vec![
        no_place_twice(facts),
        own_place_is_the_servers(facts),
        nobody_before_being_called(facts),
        no_admission_beyond_the_cap(facts),
        no_place_admitted_twice(facts),
        tickets_stay_valid(facts),
        the_draw_checks_out(facts),
        no_seat_sold_twice(facts),
        sold_seats_are_gone(facts),
    ]
}

fn verdict(name: &'static str, promise: &'static str, checked: usize, findings: Vec<String>) -> Invariant {
    let held = findings.is_empty();
    let findings = findings.into_iter().take(FINDINGS_SHOWN).collect();
    Invariant { name, promise, held, checked: checked as u64, findings }
}

/// Facts that two fans share although each must be somebody's own.
fn shared<K: std::hash::Hash + Eq + Copy>(
    facts: &Facts,
    own: impl Fn(&Life) -> Option<K>,
) -> (usize, Vec<(K, u32, u32)>) {
    let mut owners: HashMap<K, u32> = HashMap::new();
    let mut shared = Vec::new();
    let mut checked = 0;
    for life in &facts.lives {
        let Some(key) = own(life) else { continue };
        checked += 1;
        if let Some(other) = owners.insert(key, life.who) {
            shared.push((key, other, life.who));
        }
    }
    (checked, shared)
}

fn no_place_twice(facts: &Facts) -> Invariant {
    let (indexes, same_index) = shared(facts, |life| life.joined.map(|ticket| ticket.position));
    let (places, same_place) = shared(facts, |life| life.place);
    let (_, same_claim) = shared(facts, |life| life.admitted.as_ref().map(|admission| admission.place));
    let findings = same_index
        .into_iter()
        .map(|(position, a, b)| format!("fans {a} and {b} both hold {position:?}"))
        .chain(same_place.into_iter().map(|(place, a, b)| format!("fans {a} and {b} both have place {place}")))
        .chain(
            same_claim.into_iter().map(|(place, a, b)| format!("fans {a} and {b} were both let in at place {place}")),
        )
        .collect();
    verdict("no_place_twice", "no place is given twice", indexes + places, findings)
}

fn own_place_is_the_servers(facts: &Facts) -> Invariant {
    let findings = broken(facts, |broken| matches!(broken, Broken::PlaceDiffers { .. }));
    let checked = facts.lives.iter().filter(|life| life.place.is_some() && life.admitted.is_some()).count();
    verdict("own_place_is_the_servers", "every fan's own reckoning of its place is the server's", checked, findings)
}

fn nobody_before_being_called(facts: &Facts) -> Invariant {
    let mut checked = 0;
    let mut findings = Vec::new();
    for life in &facts.lives {
        let Some(admission) = &life.admitted else { continue };
        // Serving never falls: whatever was seen after the admission bounds what it was at the admission from above.
        let Some(after) = first_at_or_after(&facts.timeline, admission.at_ms) else { continue };
        checked += 1;
        if after.serving <= admission.place {
            let (place, at_ms) = (admission.place, admission.at_ms);
            findings.push(format!(
                "place {place} was let in at {at_ms}, serving was {} at {}",
                after.serving, after.now_ms
            ));
        }
    }
    verdict("nobody_before_being_called", "nobody is let in before being called", checked, findings)
}

fn first_at_or_after(timeline: &[Called], at_ms: u64) -> Option<&Called> {
    timeline.get(timeline.partition_point(|called| called.now_ms < at_ms))
}

fn no_admission_beyond_the_cap(facts: &Facts) -> Invariant {
    let instants = facts.admitted_at_ms();
    let findings = facts
        .cap
        .first_breach(&instants)
        .map(|breach| format!("{} were let in between {} and {}", breach.admitted, breach.from_ms, breach.to_ms));
    let promise = "in no window, however short or long, are more let in than rate and burst allow";
    verdict("no_admission_beyond_the_cap", promise, instants.len(), findings.into_iter().collect())
}

fn no_place_admitted_twice(facts: &Facts) -> Invariant {
    let mut findings = broken(facts, |broken| matches!(broken, Broken::AdmittedTwice { .. }));
    let mut sessions: HashMap<&str, u32> = HashMap::new();
    for life in &facts.lives {
        let Some(admission) = &life.admitted else { continue };
        if let Some(other) = sessions.insert(&admission.session, life.who) {
            findings.push(format!("fans {other} and {} share one session", life.who));
        }
    }
    verdict("no_place_admitted_twice", "a place is let in once, as one session", sessions.len(), findings)
}

fn tickets_stay_valid(facts: &Facts) -> Invariant {
    let findings = broken(facts, |broken| {
        matches!(broken, Broken::TicketChanged { .. } | Broken::TicketRefused { .. } | Broken::EntryDiffers)
    });
    let checked = facts.lives.iter().filter(|life| life.joined.is_some()).count();
    verdict("tickets_stay_valid", "every ticket that was answered stays valid and means the same", checked, findings)
}

fn the_draw_checks_out(facts: &Facts) -> Invariant {
    let pooled =
        facts.lives.iter().any(|life| matches!(life.joined.map(|ticket| ticket.position), Some(Position::Pool { .. })));
    let findings = if pooled { facts.audit.findings.clone() } else { Vec::new() };
    let checked = usize::try_from(facts.audit.entries).unwrap_or(usize::MAX);
    let promise = "the published roster holds every entry at its index, and root and seed follow from it";
    verdict("the_draw_checks_out", promise, checked, findings)
}

fn no_seat_sold_twice(facts: &Facts) -> Invariant {
    let findings = facts
        .seats_sold_twice()
        .into_iter()
        .map(|seat| format!("seat {seat} was paid for twice"))
        .chain(shared_bookings(facts))
        .collect();
    verdict("no_seat_sold_twice", "no seat is sold twice", facts.seats_sold().len(), findings)
}

fn shared_bookings(facts: &Facts) -> Vec<String> {
    let mut bookings: HashMap<&str, u32> = HashMap::new();
    let mut findings = Vec::new();
    for life in &facts.lives {
        let Some(purchase) = &life.purchase else { continue };
        if let Some(other) = bookings.insert(&purchase.booking, life.who) {
            findings.push(format!("fans {other} and {} share one booking", life.who));
        }
    }
    findings
}

fn sold_seats_are_gone(facts: &Facts) -> Invariant {
    let promise = "the booking core offers no seat that a fan has paid for";
    let name = "sold_seats_are_gone";
    match &facts.still_offered {
        Some(offered) => {
            let findings = offered.iter().map(|seat| format!("seat {seat} is sold and still offered")).collect();
            verdict(name, promise, facts.seats_sold().len(), findings)
        }
        None => verdict(name, promise, 0, Vec::new()),
    }
}

fn broken(facts: &Facts, which: impl Fn(&Broken) -> bool) -> Vec<String> {
    facts
        .lives
        .iter()
        .flat_map(|life| life.broken.iter().map(|broken| (life.who, broken)))
        .filter(|(_, broken)| which(broken))
        .map(|(who, broken)| format!("fan {who}: {broken:?}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Audit, Cap};
    use super::*;
    use crate::fan::{Admission, Behaviour, Purchase, Ticket};

    /// Three fans who were let in, one a second, and bought a seat each: every promise is kept.
    fn facts() -> Facts {
        let life = |who: u32| Life {
            joined: Some(Ticket { position: Position::Pool { index: who.into() }, entry: [0; 32] }),
            place: Some(who.into()),
            admitted: Some(Admission { place: who.into(), at_ms: u64::from(who) * 1_000, session: format!("s{who}") }),
            purchase: Some(Purchase { booking: format!("b{who}"), seats: vec![format!("a-{who}")] }),
            ..Life::new(who, Behaviour::Early)
        };
        Facts {
            lives: (0..3).map(life).collect(),
            timeline: vec![Called { now_ms: 0, serving: 1 }, Called { now_ms: 2_500, serving: 3 }],
            cap: Cap { rate_per_minute: 60, burst: 1 },
            entries: Some(3),
            audit: Audit::default(),
            still_offered: Some(vec![]),
        }
    }

    fn broken_promises(facts: &Facts) -> Vec<&'static str> {
        promises(facts).iter().filter(|invariant| !invariant.held).map(|invariant| invariant.name).collect()
    }

    #[test]
    fn a_clean_run_keeps_every_promise() {
        assert_eq!(broken_promises(&facts()), Vec::<&str>::new());
    }

    #[test]
    fn each_way_to_break_a_promise_is_found() {
        type Break = fn(&mut Facts);
        let ways: [(&str, Break); 12] = [
            ("no_place_twice", |f| f.lives[1].place = Some(0)),
            ("no_place_twice", |f| f.lives[1].joined = f.lives[0].joined),
            ("own_place_is_the_servers", |f| f.lives[1].broken.push(Broken::PlaceDiffers { own: 1, servers: 2 })),
            ("nobody_before_being_called", |f| f.timeline[1].serving = 2),
            ("no_admission_beyond_the_cap", |f| f.lives[1].admitted.as_mut().unwrap().at_ms = 1_900),
            ("no_place_admitted_twice", |f| f.lives[1].broken.push(Broken::AdmittedTwice { place: 1 })),
            ("no_place_admitted_twice", |f| f.lives[1].admitted.as_mut().unwrap().session = "s0".to_owned()),
            ("tickets_stay_valid", |f| f.lives[1].broken.push(Broken::TicketRefused { status: 401 })),
            ("the_draw_checks_out", |f| f.audit = Audit::impossible("no roster")),
            ("no_seat_sold_twice", |f| f.lives[1].purchase.as_mut().unwrap().seats.push("a-0".to_owned())),
            ("no_seat_sold_twice", |f| f.lives[1].purchase.as_mut().unwrap().booking = "b0".to_owned()),
            ("sold_seats_are_gone", |f| f.still_offered = Some(vec!["a-2".to_owned()])),
        ];
        for (name, break_it) in ways {
            let mut facts = facts();
            break_it(&mut facts);
            assert_eq!(broken_promises(&facts), [name]);
        }
    }
}
