//! What is done to seats: the same ones held and dropped again and again, or whole blocks taken side by side.

use std::collections::BTreeMap;

use super::chance::{UNLIKELY, score_of, score_of_count, share};
use super::crowd::{Crowd, Entry, fans, percent, signal};
use super::seen::Visit;
use super::{Signal, SignalKind};

/// A fan whose time runs out holds the same seats again, and perhaps once more.
const DROPS_OF_FAN: usize = 4;
/// Blocks side by side.
const BLOCKS_MIN: usize = 4;
/// A block is taken so soon after its neighbour.
const NEIGHBOUR_MS: i64 = 60_000;

/// The same seats are held and dropped again and again, by one fan or by fans of one network by turns.
pub(super) fn hold_cycling(crowd: &Crowd<'_>) -> Vec<Signal> {
    let dropped = |visit: &Visit| visit.dropped_at.is_some();
    let by_fan = crowd.by(|visit| dropped(visit).then_some((visit.fan, *visit.units.first()?)));
    let mut told: Vec<Signal> = by_fan.values().filter_map(|entries| of_fan(entries)).collect();
    let drops = crowd.visits.iter().filter(|(_, visit)| dropped(visit)).count();
    let of_network = crowd.by(|visit| visit.network);
    for (_, entries) in crowd.by(|visit| visit.units.first().copied()) {
        // A block ends where another network comes, or nobody knows which.
        for run in
            entries.chunk_by(|(_, one), (_, next)| one.network.is_some() && one.network == next.network && dropped(one))
        {
            let Some(network) = run[0].1.network else { continue };
            let holds = of_network.get(&network).map_or(0, Vec::len);
            told.extend(of_turns(network, run, drops as f64, share(holds, crowd.visits.len())));
        }
    }
    told
}

fn of_fan(entries: &[Entry<'_>]) -> Option<Signal> {
    let times = entries.len();
    if times < DROPS_OF_FAN {
        return None;
    }
    let visit = entries.first()?.1;
    let why = format!("one fan held the same seats {times} times and dropped them");
    let evidence = BTreeMap::from([("times", times as f64), ("seats", visit.units.len() as f64)]);
    let subject = format!("fan:{:016x}:{}", visit.fan, visit.units.first()?);
    Some(signal(SignalKind::HoldCycling, subject, score_of_count(times), entries, (why, evidence)))
}

/// Fans of one network who take the same seats by turns, as soon as one of them has dropped them.
fn of_turns(network: i64, run: &[Entry<'_>], drops: f64, share: f64) -> Option<Signal> {
    let turns = run.windows(2).filter(|pair| pair[0].1.fan != pair[1].1.fan).count();
    let expected = drops * share.powi(i32::try_from(turns).unwrap_or(i32::MAX));
    if turns < 2 || expected > UNLIKELY {
        return None;
    }
    let (fans, times) = (fans(run).len(), run.len());
    let why = format!("{fans} fans of one network held the same seats {times} times by turns");
    let evidence = BTreeMap::from([("fans", fans as f64), ("times", times as f64), ("expected_by_chance", expected)]);
    let subject = format!("network:{network:016x}:{}", run.first()?.1.units.first()?);
    Some(signal(SignalKind::HoldCycling, subject, score_of(expected), run, (why, evidence)))
}

/// Whole blocks side by side, each of another fan who took as many seats as one may. That a sale gives out seats side by side is
/// nothing; that so many neighbours in a row all buy alike is.
pub(super) fn sweep(crowd: &Crowd<'_>) -> Vec<Signal> {
    let mut blocks: Vec<Entry<'_>> = crowd.visits.iter().copied().filter(|(_, visit)| is_block(crowd, visit)).collect();
    blocks.sort_unstable_by_key(|(id, visit)| (visit.units.first().copied(), *id));
    let takes_all = |visit: &Visit| crowd.takes_all(visit);
    let takes_all_quickly = |visit: &Visit| crowd.takes_all(visit) && crowd.is_quick(visit);
    let mut told: Vec<Signal> = Vec::new();
    for run in blocks.chunk_by(|one, next| is_beside(crowd, one.1, next.1)) {
        let quick = chain(
            crowd,
            run,
            "took as many seats as they may and paid within the time of the fastest tenth",
            &takes_all_quickly,
        );
        let all = chain(crowd, run, "took as many seats as they may", &takes_all);
        let best = quick.into_iter().chain(all).max_by(|one, other| one.score.total_cmp(&other.score));
        told.extend(best);
    }
    told
}

/// Seats without a gap, which are still its fan's.
fn is_block(crowd: &Crowd<'_>, visit: &Visit) -> bool {
    let (Some(first), Some(last)) = (visit.units.first(), visit.units.last()) else { return false };
    let is_whole = usize::try_from(last - first).is_ok_and(|gap| gap + 1 == visit.units.len());
    is_whole && visit.dropped_at.is_none() && crowd.hall.row(*first).is_some_and(|row| row.is_seated)
}

fn is_beside(crowd: &Crowd<'_>, one: &Visit, next: &Visit) -> bool {
    let (Some(last), Some(first)) = (one.units.last(), next.units.first()) else { return false };
    let section = |unit| crowd.hall.row(unit).map(|row| row.section);
    last + 1 == *first
        && section(*last) == section(*first)
        && one.fan != next.fan
        && (one.held_at - next.held_at).abs() <= NEIGHBOUR_MS
}

/// The longest part of some neighbours of whom all buy alike, if so many would not by chance.
fn chain(crowd: &Crowd<'_>, run: &[Entry<'_>], words: &str, is_so: &dyn Fn(&Visit) -> bool) -> Option<Signal> {
    let alike = run.split(|(_, visit)| !is_so(visit)).max_by_key(|part| part.len())?;
    if alike.len() < BLOCKS_MIN {
        return None;
    }
    let members: std::collections::BTreeSet<u64> = fans(alike);
    let usual = crowd.share_outside(|_| true, |visit| members.contains(&visit.fan), is_so)?;
    let blocks = alike.len();
    let expected = crowd.visits.len() as f64 * usual.powi(i32::try_from(blocks).unwrap_or(i32::MAX));
    if members.len() < BLOCKS_MIN || expected > UNLIKELY {
        return None;
    }
    let usual_words = percent(usual);
    let why =
        format!("{blocks} blocks side by side: all {} fans {words}; {usual_words} of the others did", members.len());
    let evidence =
        BTreeMap::from([("blocks", blocks as f64), ("usual_share", usual), ("expected_by_chance", expected)]);
    // What was held first stays first, however the chain grows.
    let (first, _) = alike.iter().min_by_key(|(id, visit)| (visit.held_at, *id))?;
    Some(signal(SignalKind::Sweep, format!("booking:{first}"), score_of(expected), alike, (why, evidence)))
}
