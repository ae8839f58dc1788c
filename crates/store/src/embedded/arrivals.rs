//! New entries of a room with tiers, as a journal has them: entries and tags of one tier side by side, so that both can be
//! read back by ranges.
//!
//! ```text
//! arrivals   count entries of 32 bytes | count tags of 16 bytes | count tiers of 1 byte | postcard of the rest
//! rest       for each that has any: its number, whether its code has several uses, its code, and the place it replaces
//! ```
//!
//! Entries of the pool stand in order of their tiers, and in each tier in order of their indexes. Those of the line stand in
//! order of arrival.

use fairgate_core::room::{Arrival, Arrived, CodeUse, Entry, Replaced, Spot};
use fairgate_draw::v2::Tag;
use serde::{Deserialize, Serialize};

/// Bytes of one arrival, without the rest.
const ROW_BYTES: usize = size_of::<Entry>() + size_of::<Tag>() + 1;

/// What few arrivals have.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Rest {
    number: u32,
    several: bool,
    code: Option<CodeUse>,
    replaces: Option<Replaced>,
}

/// Entries of one tier's pool that stand side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TierRun {
    /// The tier.
    pub(super) tier: u8,
    /// How many.
    pub(super) count: u64,
    /// Where the first entry stands, from the record's body on.
    pub(super) entries_at: u64,
    /// Where the first tag stands.
    pub(super) tags_at: u64,
}

/// The arrivals that made new entries, each with the entry that was new alone, in the order in which they are written down.
pub(super) fn new_ones(arrivals: &[Arrival], arrived: &[Arrived]) -> Vec<Arrival> {
    let new = arrivals.iter().zip(arrived).filter_map(|(arrival, arrived)| match arrived {
        Arrived::New { at, which } => {
            let entries = vec![*arrival.entries.get(usize::from(*which))?];
            Some((
                matches!(at, Spot::Pool { .. }),
                Arrival { entries, others: Vec::new(), until_s: None, ..arrival.clone() },
            ))
        }
        _ => None,
    });
    let mut new: Vec<(bool, Arrival)> = new.collect();
    if new.iter().all(|(is_pool, _)| *is_pool) {
        new.sort_by_key(|(_, arrival)| arrival.tier);
    }
    new.into_iter().map(|(_, arrival)| arrival).collect()
}

/// The body of a record.
pub(super) fn encode(arrivals: &[Arrival]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(arrivals.len() * ROW_BYTES + 16);
    let first = |arrival: &Arrival| arrival.entries.first().copied().unwrap_or_default();
    arrivals.iter().for_each(|arrival| bytes.extend_from_slice(&first(arrival).0));
    arrivals.iter().for_each(|arrival| bytes.extend_from_slice(&first(arrival).1));
    bytes.extend(arrivals.iter().map(|arrival| arrival.tier));
    let rest = (0..).zip(arrivals).map(|(number, Arrival { several, code, replaces, .. })| Rest {
        number,
        several: *several,
        code: code.clone(),
        replaces: *replaces,
    });
    let rest: Vec<Rest> = rest.filter(|rest| *rest != Rest { number: rest.number, ..Rest::default() }).collect();
    postcard::to_extend(&rest, bytes).expect("arrivals have no type that postcard cannot write")
}

/// Reads a body of so many arrivals; nothing where it makes no sense.
pub(super) fn decode(count: usize, body: &[u8]) -> Option<Vec<Arrival>> {
    let (rows, rest) = body.split_at_checked(count.checked_mul(ROW_BYTES)?)?;
    let (entries, others) = rows.split_at(count * size_of::<Entry>());
    let (tags, tiers) = others.split_at(count * size_of::<Tag>());
    let rows = entries.as_chunks().0.iter().zip(tags.as_chunks().0).zip(tiers);
    let mut arrivals: Vec<Arrival> = rows.map(|((entry, tag), tier)| Arrival::plain(*tier, *entry, *tag)).collect();
    let rest: Vec<Rest> = postcard::from_bytes(rest).ok()?;
    for Rest { number, several, code, replaces } in rest {
        let arrival = arrivals.get_mut(usize::try_from(number).ok()?)?;
        (arrival.several, arrival.code, arrival.replaces) = (several, code, replaces);
    }
    Some(arrivals)
}

/// Where the entries of each tier's pool stand in a body.
pub(super) fn runs(arrivals: &[Arrival]) -> Vec<TierRun> {
    let tags_from = (arrivals.len() * size_of::<Entry>()) as u64;
    let mut at = 0;
    let run = |tier: &[Arrival]| {
        let (first, count) = (at, tier.len() as u64);
        at += count;
        let [entries_at, tags_at] = [first * size_of::<Entry>() as u64, tags_from + first * size_of::<Tag>() as u64];
        TierRun { tier: tier[0].tier, count, entries_at, tags_at }
    };
    arrivals.chunk_by(|a, b| a.tier == b.tier).map(run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals() -> Vec<Arrival> {
        let code = Some(CodeUse { campaign: "spring".into(), rank: 9, uses: 3 });
        let replaces = Some(Replaced { at: Spot::Pool { tier: 1, index: 5 }, place: 70_000 });
        vec![
            Arrival::plain(0, [1; 32], [1; 16]),
            Arrival { code, ..Arrival::plain(1, [2; 32], [2; 16]) },
            Arrival { several: true, replaces, ..Arrival::plain(1, [3; 32], [3; 16]) },
        ]
    }

    #[test]
    fn what_is_written_reads_back_and_what_is_cut_short_does_not() {
        let bytes = encode(&arrivals());
        assert_eq!(decode(3, &bytes), Some(arrivals()));
        for length in 0..bytes.len() {
            assert_eq!(decode(3, &bytes[..length]), None, "{length} bytes");
        }
        assert_eq!(decode(usize::MAX, &bytes), None);
        assert_eq!(decode(0, &encode(&[])), Some(Vec::new()));
    }

    #[test]
    fn a_run_of_a_tier_is_where_its_entries_and_tags_stand() {
        let (arrivals, bytes) = (arrivals(), encode(&arrivals()));
        let runs = runs(&arrivals);
        assert_eq!(runs.iter().map(|run| (run.tier, run.count)).collect::<Vec<_>>(), [(0, 1), (1, 2)]);
        let TierRun { entries_at, tags_at, .. } = runs[1];
        assert_eq!(bytes[entries_at as usize..][..64], [[2; 32], [3; 32]].concat());
        assert_eq!(bytes[tags_at as usize..][..32], [[2; 16], [3; 16]].concat());
    }

    #[test]
    fn only_new_entries_are_written_and_those_of_the_pool_by_tier() {
        let two = Arrival {
            entries: vec![([7; 32], [7; 16]), ([8; 32], [8; 16])],
            several: true,
            others: vec![[9; 16]],
            ..Arrival::plain(0, [0; 32], [0; 16])
        };
        let arrivals = [Arrival::plain(1, [1; 32], [1; 16]), Arrival::plain(1, [1; 32], [1; 16]), two];
        let pool = |tier, index, which| Arrived::New { at: Spot::Pool { tier, index }, which };
        let again = Arrived::Again { at: Spot::Pool { tier: 1, index: 0 }, by: 0, entry: None };
        let new = new_ones(&arrivals, &[pool(1, 0, 0), again, pool(0, 0, 1)]);
        let expected =
            [Arrival { several: true, ..Arrival::plain(0, [8; 32], [8; 16]) }, Arrival::plain(1, [1; 32], [1; 16])];
        assert_eq!(new, expected);
        let line = |place| Arrived::New { at: Spot::Line { place }, which: 0 };
        let new = new_ones(&arrivals, &[line(5), Arrived::Used, line(6)]);
        assert_eq!(new.iter().map(|arrival| arrival.tier).collect::<Vec<_>>(), [1, 0], "in order of arrival");
    }
}
