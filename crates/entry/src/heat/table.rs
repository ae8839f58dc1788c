//! An organizer's table of networks: which are shared by many people, which are data centres', and which belong together.
//!
//! Guarantees:
//! - an address is looked up by its longest prefix of each kind, in one look for each length that the table has
//! - a table with a mistake is refused with the line, and memory is bounded by [`ROWS_MAX`]

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::network::{Prefix, Scale};

/// Rows that a table can have.
pub const ROWS_MAX: usize = 1_000_000;
/// Characters of a network's name.
const NAME_MAX: usize = 64;

/// Why a table is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct TableError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it, and the remedy.
    pub what: String,
}

/// What a table says of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known<'t> {
    /// Many people share the address: a mobile carrier's, a campus's.
    pub is_shared: bool,
    /// The address is a data centre's.
    pub is_data_centre: bool,
    /// The network that the address belongs to.
    pub name: Option<&'t str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Shared,
    DataCentre,
    Named(Box<str>),
}

/// A table of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkTable {
    /// By number of bits, longest first: prefixes of IPv4 have 0 to 32 bits, and of IPv6 0 to 128.
    lengths: BTreeMap<std::cmp::Reverse<u8>, HashMap<Prefix, Vec<Kind>>>,
}

impl NetworkTable {
    /// Reads a table: a row a line, `PREFIX shared`, `PREFIX data-centre` or `PREFIX network NAME`. A `#` begins a comment.
    ///
    /// # Errors
    /// The first line that is none of these.
    pub fn read(text: &str) -> Result<Self, TableError> {
        let mut table = Self::default();
        let rows = (1..).zip(text.lines()).filter_map(|(line, text)| {
            let row = text.split_once('#').map_or(text, |(row, _)| row).trim();
            (!row.is_empty()).then_some((line, row))
        });
        for (count, (line, row)) in rows.enumerate() {
            let failed = |what: String| TableError { line, what };
            if count == ROWS_MAX {
                return Err(failed(format!("a table has at most {ROWS_MAX} rows; leave the smaller networks out")));
            }
            let (bits, prefix, kind) = read_row(row).map_err(failed)?;
            let kinds = table.lengths.entry(std::cmp::Reverse(bits)).or_default().entry(prefix).or_default();
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        Ok(table)
    }

    /// True if the table says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// What the table says of an address. Of two names the longer prefix's counts.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Known<'_> {
        let mut known = Known::default();
        for (bits, prefixes) in &self.lengths {
            if address.to_canonical().is_ipv4() && bits.0 > 32 {
                continue;
            }
            for kind in prefixes.get(&Prefix::of(address, Scale::Named { bits: bits.0 })).into_iter().flatten() {
                match kind {
                    Kind::Shared => known.is_shared = true,
                    Kind::DataCentre => known.is_data_centre = true,
                    Kind::Named(name) => known.name = known.name.or(Some(name)),
                }
            }
        }
        known
    }
}

fn read_row(row: &str) -> Result<(u8, Prefix, Kind), String> {
    let mut words = row.split([' ', '\t', ',', ';']).filter(|word| !word.is_empty());
    let (Some(prefix), Some(kind)) = (words.next(), words.next()) else {
        return Err("has no kind; write a prefix and `shared`, `data-centre` or `network NAME`".to_owned());
    };
    let name = words.collect::<Vec<_>>().join(" ");
    let kind = match (kind, name.as_str()) {
        ("shared", "") => Kind::Shared,
        ("data-centre", "") => Kind::DataCentre,
        ("network", "") => return Err("names no network; write `network NAME`".to_owned()),
        ("network", name) if name.chars().count() <= NAME_MAX => Kind::Named(name.into()),
        ("network", _) => return Err(format!("has a name of more than {NAME_MAX} characters; shorten it")),
        ("shared" | "data-centre", more) => return Err(format!("has {more:?} after the kind; remove it")),
        _ => return Err(format!("has the kind {kind:?}; write `shared`, `data-centre` or `network NAME`")),
    };
    let (bits, prefix) = read_prefix(prefix)?;
    Ok((bits, prefix, kind))
}

/// `203.0.113.0/24`, `2001:db8::/32`, or one address.
fn read_prefix(text: &str) -> Result<(u8, Prefix), String> {
    let failed = || format!("{text:?} is no prefix; write one like 203.0.113.0/24 or 2001:db8::/32");
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| failed())?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| failed())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    if bits == 0 || bits > most {
        return Err(format!("{text:?} has {bits} bits; write 1 to {most}"));
    }
    let prefix = Prefix::of(address, Scale::Named { bits });
    if !prefix.is_address(address) {
        return Err(format!("{text:?} has bits after its prefix; write where the network begins, or more bits"));
    }
    Ok((bits, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known<'t>(table: &'t NetworkTable, address: &str) -> Known<'t> {
        table.of(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_what_its_prefixes_say() {
        let text = "# ours\n203.0.113.0/24 shared # a carrier\n203.0.113.0/24,network,Acme Mobile\n203.0.113.128/25 network Acme DSL\n\
                    198.51.100.0/22\tdata-centre\n2001:db8::/32 data-centre\n192.0.2.7 shared\n";
        let text = text.replace("198.51.100.0/22", "198.51.100.0/24");
        let table = NetworkTable::read(&text).unwrap();
        let mobile = Known { is_shared: true, is_data_centre: false, name: Some("Acme Mobile") };
        assert_eq!(known(&table, "203.0.113.7"), mobile);
        assert_eq!(known(&table, "::ffff:203.0.113.7"), mobile, "IPv4 within IPv6");
        assert_eq!(known(&table, "203.0.113.200").name, Some("Acme DSL"), "the longer prefix");
        assert!(known(&table, "198.51.100.9").is_data_centre && known(&table, "2001:db8:1::1").is_data_centre);
        assert!(known(&table, "192.0.2.7").is_shared && !known(&table, "192.0.2.8").is_shared);
        assert_eq!(known(&table, "2001:db9::1"), Known::default());
        assert!(NetworkTable::read("\n# nothing\n").unwrap().is_empty());
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (text, says) in [
            ("192.0.2.0/24 shared\n192.0.2.0/33 shared", "line 2: \"192.0.2.0/33\" has 33 bits"),
            ("192.0.2.1/24 shared", "has bits after its prefix"),
            ("192.0.2.0/24", "has no kind"),
            ("192.0.2.0/24 cloud", "has the kind \"cloud\""),
            ("192.0.2.0/24 network", "names no network"),
            ("192.0.2.0/24 shared by many", "has \"by many\" after the kind"),
            ("tickets.example shared", "is no prefix"),
            ("0.0.0.0/0 shared", "has 0 bits"),
        ] {
            let error = NetworkTable::read(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
