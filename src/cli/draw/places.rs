//! `fairgate draw place` and `draw places`: places from the numbers that fix them, of a draw by either version.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use anyhow::Context;
use clap::Args;
use fairgate_draw::v2::{Lot, Places};
use fairgate_draw::{Hash, Shuffle};

use super::parse_hash;

/// What fixes every place.
#[derive(Debug, Args)]
pub(super) struct DrawNumbers {
    /// The draw's seed: 64 hex digits.
    #[arg(long, value_parser = parse_hash, value_name = "HEX")]
    seed: Hash,
    /// The number of entries in the frozen roster (N), of a draw without tiers (fairgate/v1).
    #[arg(long, value_name = "N", required_unless_present = "tiers", conflicts_with = "tiers")]
    entries: Option<u64>,
    /// The band, share and number of entries of each tier, of a draw with tiers (fairgate/v2).
    #[arg(long, value_parser = parse_lot, value_name = "BAND:SHARE:ENTRIES", value_delimiter = ',')]
    tiers: Vec<Lot>,
}

/// Which entry.
#[derive(Debug, Args)]
pub(super) struct EntryNumbers {
    /// The entry's tier, from 0, of a draw with tiers.
    #[arg(long, value_name = "T", requires = "tiers")]
    tier: Option<u8>,
    /// The entry's index in the roster, or in its tier's, from 0.
    #[arg(long)]
    index: u64,
}

/// Prints the place of one entry.
///
/// # Errors
/// Where there is no such entry, or the output cannot be written.
pub(super) fn print_place(draw: &DrawNumbers, entry: &EntryNumbers, out: impl Write) -> anyhow::Result<()> {
    print(out, [draw.place(entry)?])
}

/// Prints every place: one a line, with tier and index before it where there are tiers.
///
/// # Errors
/// Where there are too many, or the output cannot be written.
pub(super) fn print_places(draw: &DrawNumbers, out: impl Write) -> anyhow::Result<()> {
    let Some(entries) = draw.entries else { return print_tiers(&draw.places()?, out) };
    print(out, Shuffle::new(&draw.seed, entries).all_places()?)
}

fn print_tiers(places: &Places, out: impl Write) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    for (tier, _) in (0..).zip(places.deal().lots()) {
        let order = places.tier_order(tier).with_context(|| format!("tier {tier}"))?;
        let lines = (0_u64..).zip(order).filter_map(|(index, j)| {
            let place = places.deal().place(tier, j.into())?;
            Some(format!("{tier} {index} {place}"))
        });
        if !written(write_lines(&mut out, lines))? {
            return Ok(());
        }
    }
    written(out.flush()).map(|_| ())
}

fn print(out: impl Write, lines: impl IntoIterator<Item: Display>) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    written(write_lines(&mut out, lines).and_then(|()| out.flush())).map(|_| ())
}

fn write_lines(out: &mut impl Write, lines: impl IntoIterator<Item: Display>) -> io::Result<()> {
    lines.into_iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// Whether more is wanted.
fn written(result: io::Result<()>) -> anyhow::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        // `| head` has seen enough; so have we.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

impl DrawNumbers {
    fn places(&self) -> anyhow::Result<Places> {
        Places::new(&self.seed, &self.tiers).context("--tiers")
    }

    fn place(&self, entry: &EntryNumbers) -> anyhow::Result<u64> {
        let index = entry.index;
        let Some(entries) = self.entries else { return self.place_in_tier(entry) };
        Shuffle::new(&self.seed, entries).place(index).with_context(|| {
            format!("there is no entry {index}: with --entries {entries} indexes run {}", indexes(entries))
        })
    }

    fn place_in_tier(&self, EntryNumbers { tier, index }: &EntryNumbers) -> anyhow::Result<u64> {
        let places = self.places()?;
        let tier = tier.context("which tier? Give it with --tier, from 0")?;
        places.place(tier, *index).with_context(|| match self.tiers.get(usize::from(tier)) {
            Some(lot) => format!("there is no entry {index} in tier {tier}: its indexes run {}", indexes(lot.entries)),
            None => format!("there is no tier {tier}: --tiers gives {}", self.tiers.len()),
        })
    }
}

fn indexes(entries: u64) -> String {
    entries.checked_sub(1).map_or_else(|| "nowhere".to_owned(), |last| format!("from 0 to {last}"))
}

fn parse_lot(text: &str) -> Result<Lot, String> {
    let read = || {
        let (band, rest) = text.split_once(':')?;
        let (share, entries) = rest.split_once(':')?;
        Some(Lot { band: band.parse().ok()?, share: share.parse().ok()?, entries: entries.parse().ok()? })
    };
    read().ok_or_else(|| format!("{text:?} is no tier: give band, share and number of entries, like 0:1:3500000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(entries: u64) -> DrawNumbers {
        DrawNumbers { seed: std::array::from_fn(|i| i as u8), entries: Some(entries), tiers: vec![] }
    }

    fn tiers(tiers: &[&str]) -> DrawNumbers {
        let tiers = tiers.iter().map(|tier| parse_lot(tier).unwrap()).collect();
        DrawNumbers { entries: None, tiers, ..numbers(0) }
    }

    fn at(index: u64) -> EntryNumbers {
        EntryNumbers { tier: None, index }
    }

    fn in_tier(tier: u8, index: u64) -> EntryNumbers {
        EntryNumbers { tier: Some(tier), index }
    }

    #[test]
    fn prints_a_line_a_place() {
        let mut out = Vec::new();
        print_places(&numbers(10), &mut out).unwrap();
        assert_eq!(out, b"8\n9\n5\n0\n4\n3\n2\n7\n1\n6\n");
        assert_eq!(numbers(14_000_000).place(&at(4)).unwrap(), 11_728_609);
    }

    #[test]
    fn prints_tier_index_and_place() {
        let draw = tiers(&["0:1:3", "1:3:5", "1:1:4"]);
        let mut out = Vec::new();
        print_places(&draw, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Vec<u64>> =
            text.lines().map(|line| line.split(' ').map(|number| number.parse().unwrap()).collect()).collect();
        let entries: Vec<(u64, u64)> = lines.iter().map(|line| (line[0], line[1])).collect();
        let expected: Vec<(u64, u64)> =
            [3, 5, 4].iter().enumerate().flat_map(|(t, &n)| (0..n).map(move |i| (t as u64, i))).collect();
        assert_eq!(entries, expected);
        for line in &lines {
            assert_eq!(draw.place(&in_tier(line[0] as u8, line[1])).unwrap(), line[2]);
        }
        let mut places: Vec<u64> = lines.iter().map(|line| line[2]).collect();
        places.sort_unstable();
        assert!(places.into_iter().eq(0..12));
        let large = tiers(&["0:1:3500000", "1:3:2000000", "1:1:8500000"]);
        assert_eq!(large.place(&in_tier(2, 1)).unwrap(), 13_552_188);
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_error_and_a_full_disk_is() {
        let full = Failing(io::ErrorKind::StorageFull);
        let after = |kind: io::ErrorKind| print(Failing(kind), [0]);
        assert!(after(io::ErrorKind::BrokenPipe).is_ok());
        assert!(after(io::ErrorKind::StorageFull).is_err());
        let draw = tiers(&["0:1:3"]);
        assert!(print_places(&draw, Failing(io::ErrorKind::BrokenPipe)).is_ok());
        assert!(print_places(&draw, full).is_err());
    }

    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let wrong = |entries, index| numbers(entries).place(&at(index)).unwrap_err().to_string();
        assert_eq!(wrong(10, 10), "there is no entry 10: with --entries 10 indexes run from 0 to 9");
        assert_eq!(wrong(0, 0), "there is no entry 0: with --entries 0 indexes run nowhere");
        let draw = tiers(&["0:1:3", "1:3:0"]);
        let wrong = |entry: EntryNumbers| draw.place(&entry).unwrap_err().to_string();
        assert_eq!(wrong(at(0)), "which tier? Give it with --tier, from 0");
        assert_eq!(wrong(in_tier(0, 3)), "there is no entry 3 in tier 0: its indexes run from 0 to 2");
        assert_eq!(wrong(in_tier(1, 0)), "there is no entry 0 in tier 1: its indexes run nowhere");
        assert_eq!(wrong(in_tier(2, 0)), "there is no tier 2: --tiers gives 2");
        let gap = format!("{:#}", tiers(&["0:1:3", "2:3:0"]).place(&in_tier(0, 0)).unwrap_err());
        assert!(gap.starts_with("--tiers: tiers: the band of tier 1 is 2"), "{gap}");
        for text in ["", "0:1", "0:1:2:3", "x:1:2", "0:70000:1", "0:1:-1"] {
            assert!(parse_lot(text).unwrap_err().contains("like 0:1:3500000"), "{text}");
        }
    }
}
