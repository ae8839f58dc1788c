//! Fans who need less time than people do.

use std::collections::BTreeMap;

use super::chance::score_of_count;
use super::crowd::{Crowd, Entry, fans, signal};
use super::seen::Visit;
use super::{Signal, SignalKind};

/// Nobody reads a price and pays it in less.
const PAY_MS: i64 = 1000;
/// Nobody who was let in sees a page, finds seats and holds them in less.
const HOLD_MS: i32 = 300;
/// A fast hold alone may be a clock that is wrong: its fan pays faster than people type, too.
const PAY_AFTER_FAST_HOLD_MS: i64 = 3000;
/// Programs need the same time again and again.
const PHASE_MS: i64 = 200;
const FANS_MIN: usize = 3;

/// Fans who held seats, or paid them, faster than people do, and all of them in the same time.
pub(super) fn superhuman(crowd: &Crowd<'_>) -> Vec<Signal> {
    let phases = crowd.by(phase).into_iter();
    phases.filter_map(|((what, from_ms), entries)| tell(what, from_ms, &entries)).collect()
}

/// What was too fast, and the time that it took, rounded down.
fn phase(visit: &Visit) -> Option<(&'static str, i64)> {
    let took = visit.pay_ms()?;
    if took < PAY_MS {
        return Some(("pay", took.div_euclid(PHASE_MS) * PHASE_MS));
    }
    let is_fast = visit.pass_age_ms.is_some_and(|age| (0..HOLD_MS).contains(&age)) && took < PAY_AFTER_FAST_HOLD_MS;
    is_fast.then_some(("hold", 0))
}

fn tell(what: &str, from_ms: i64, entries: &[Entry<'_>]) -> Option<Signal> {
    let fans = fans(entries).len();
    if fans < FANS_MIN {
        return None;
    }
    let why = match what {
        "pay" => format!("{fans} fans paid {from_ms} to {} ms after they had the seats", from_ms + PHASE_MS),
        _ => format!("{fans} fans had seats less than {HOLD_MS} ms after they were let in"),
    };
    let evidence = BTreeMap::from([("fans", fans as f64), ("from_ms", from_ms as f64)]);
    Some(signal(SignalKind::Superhuman, format!("{what}:{from_ms}"), score_of_count(fans), entries, (why, evidence)))
}
