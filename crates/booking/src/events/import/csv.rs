//! Seat plans as CSV: one line a seat, with the columns `section,title,kind,tier,price,row,seat` in any order. Pure.
//!
//! What spreadsheets write is read: commas, semicolons or tabs between the fields, lines that are empty, columns without a
//! name, prices with decimals. Every mistake names its line and its column, as the spreadsheet shows them.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::draft::{Draft, LineError, SectionWords};
use super::price::{Written, read_price};
use crate::events::seat_map::{Section, SectionKind};

/// What a line says. What is said about a section is the same on all of its lines.
const COLUMNS: [&str; 7] = ["section", "title", "kind", "tier", "price", "row", "seat"];
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// Reads a plan with prices in a currency; `told` hears how many seats have been read so far.
///
/// # Errors
/// Every mistake, by line.
pub fn read_csv(text: &str, currency: &str, mut told: impl FnMut(usize)) -> Result<Vec<Section>, Vec<LineError>> {
    let (delimiter, text, skipped) = open(text);
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .trim(Trim::All)
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut lines = Lines { columns: None, currency, first_price: None, draft: Draft::default() };
    for record in reader.records() {
        let (record, at) = match record {
            Ok(record) => (Ok(record.clone()), record.position().map(csv::Position::line)),
            Err(error) => (Err(error.to_string()), error.position().map(csv::Position::line)),
        };
        let line = at.unwrap_or(1) + skipped;
        match record {
            Ok(record) if record.iter().all(str::is_empty) => {}
            Ok(record) if lines.columns.is_none() => {
                lines.columns = Some(Columns::read(&record).map_err(|detail| vec![LineError { line, detail }])?);
            }
            Ok(record) => lines.take(line, &record),
            Err(detail) => lines.draft.mistake(line, detail),
        }
        told(lines.draft.seats());
        if lines.draft.is_hopeless() {
            break;
        }
    }
    lines.draft.finish()
}

/// The delimiter, the text below a line like `sep=;` that some spreadsheets write and read, and how many lines that was.
fn open(text: &str) -> (u8, &str, u64) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let told = first.trim().strip_prefix("sep=").and_then(|told| told.chars().next());
    if let Some(told) = told.filter(char::is_ascii) {
        return (told as u8, rest, 1);
    }
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |delimiter: &char| header.matches(*delimiter).count();
    let most = DELIMITERS.iter().rev().max_by_key(|delimiter| count(delimiter)).copied().unwrap_or(',');
    (most as u8, text, 0)
}

/// Where each of the columns stands, in the order of [`COLUMNS`].
struct Columns([usize; COLUMNS.len()]);

impl Columns {
    fn read(header: &StringRecord) -> Result<Self, String> {
        let mut found: HashMap<&str, usize> = HashMap::new();
        for (at, name) in header.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let known = COLUMNS.iter().find(|known| known.eq_ignore_ascii_case(name));
            let known = known.ok_or_else(|| {
                format!("column {} is called {name:?}: the columns are {}", letters(at), COLUMNS.join(", "))
            })?;
            if let Some(first) = found.insert(known, at) {
                return Err(format!("columns {} and {} are both called {known}", letters(first), letters(at)));
            }
        }
        let at = |name: &&str| found.get(name).copied();
        let missing: Vec<&str> = COLUMNS.into_iter().filter(|name| at(name).is_none()).collect();
        if missing.is_empty() {
            return Ok(Self(COLUMNS.map(|name| at(&name).unwrap_or_default())));
        }
        Err(format!("the first line must name the columns {}; missing: {}", COLUMNS.join(", "), missing.join(", ")))
    }
}

/// A column as spreadsheets call it: A to Z, AA, …
fn letters(column: usize) -> String {
    let letter = |at: usize| char::from(b'A' + u8::try_from(at % 26).unwrap_or(0));
    let last = letter(column).to_string();
    if column < 26 { last } else { format!("{}{last}", letters(column / 26 - 1)) }
}

/// The lines below the header.
struct Lines<'a> {
    columns: Option<Columns>,
    currency: &'a str,
    /// The line of the first price and how it was written: all others are written alike.
    first_price: Option<(u64, Written)>,
    draft: Draft,
}

impl Lines<'_> {
    fn take(&mut self, line: u64, record: &StringRecord) {
        if let Err(detail) = self.seat(line, record) {
            self.draft.mistake(line, detail);
        }
    }

    fn seat(&mut self, line: u64, record: &StringRecord) -> Result<(), String> {
        let Some(Columns(at)) = &self.columns else { return Ok(()) };
        let at = *at;
        if let Some((extra, value)) = record.iter().enumerate().find(|(n, value)| !value.is_empty() && !at.contains(n))
        {
            return Err(format!(
                "column {} has no name, and {value:?} in it: does a field need quotes?",
                letters(extra)
            ));
        }
        let field = |n: usize| record.get(at[n]).unwrap_or_default();
        let wrong = |n: usize, detail: String| format!("{} (column {}): {detail}", COLUMNS[n], letters(at[n]));
        if let Some(n) = (0..COLUMNS.len()).find(|&n| field(n).is_empty()) {
            return Err(wrong(n, "this cell is empty".to_owned()));
        }
        let kind = match field(2) {
            kind if kind.eq_ignore_ascii_case("seated") => SectionKind::Seated,
            kind if kind.eq_ignore_ascii_case("standing") => SectionKind::Standing,
            kind => return Err(wrong(2, format!("{kind:?} is neither seated nor standing"))),
        };
        let tier = field(3).parse().map_err(|_| wrong(3, format!("{:?} is no whole number from 0", field(3))))?;
        let written = read_price(field(4), self.currency).map_err(|detail| wrong(4, detail))?;
        let (first_line, first) = *self.first_price.get_or_insert((line, written));
        if first.is_decimal() != written.is_decimal() {
            let decimals = |it: Written| if it.is_decimal() { "has decimals" } else { "is in the smallest unit" };
            let detail = format!(
                "{} {}, but the price on line {first_line} {}: write all prices alike",
                field(4),
                decimals(written),
                decimals(first)
            );
            return Err(wrong(4, detail));
        }
        let [id, title] = [0, 1].map(|n| field(n).to_owned());
        let words = SectionWords { id, title, kind, tier, price: written.amount() };
        if let Some(section) = self.draft.section(line, words) {
            self.draft.seat(line, section, field(5), field(6));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "section,title,kind,tier,price,row,seat\n";

    #[test]
    fn one_line_a_seat() {
        let text =
            format!("{HEADER}stalls,\"Stalls, left\",seated,1,9800,A,1\nstalls,\"Stalls, left\",seated,1,9800,A,2\n");
        let mut told = Vec::new();
        let sections = read_csv(&text, "EUR", |seats| told.push(seats)).expect("a plan");
        assert_eq!((sections[0].title.as_str(), sections[0].rows[0].seats.len()), ("Stalls, left", 2));
        assert_eq!(told, [0, 1, 2]);
    }

    #[test]
    fn what_spreadsheets_write_is_read() {
        let plain = read_csv(&format!("{HEADER}a,A,seated,1,9850,Ä,1\na,A,seated,1,9850,Ä,2\n"), "EUR", |_| ());
        for (what, text) in [
            (
                "semicolons, decimals",
                "section;title;kind;tier;price;row;seat\r\na;A;seated;1;98,50;Ä;1\r\na;A;seated;1;98,5;Ä;2\r\n",
            ),
            (
                "tabs",
                "section\ttitle\tkind\ttier\tprice\trow\tseat\na\tA\tseated\t1\t98.50\tÄ\t1\na\tA\tseated\t1\t98.50\tÄ\t2",
            ),
            (
                "a line for spreadsheets",
                "sep=;\nsection;title;kind;tier;price;row;seat\na;A;seated;1;9850;Ä;1\na;A;seated;1;9850;Ä;2\n",
            ),
            (
                "empty lines and columns",
                "\n,,,\nsection,title,kind,tier,price,row,seat,,\n,,,,,,,,\na,A,seated,1,9850,Ä,1,,\n\n a , A ,seated, 1 ,9850,Ä,2,\n,,,,,,,,\n",
            ),
            ("another order", "Seat,Row,Price,Tier,Kind,Title,Section\n1,Ä,9850,1,Seated,A,a\n2,Ä,9850,1,SEATED,A,a\n"),
        ] {
            assert_eq!(read_csv(text, "EUR", |_| ()), plain, "{what}");
        }
        assert_eq!(plain.expect("a plan")[0].price, 9850);
    }

    #[test]
    fn mistakes_name_line_and_column() {
        for (line, said) in [
            ("a,A,sitting,1,100,A,2", "kind (column C): \"sitting\" is neither seated nor standing"),
            ("a,A,seated,one,100,A,2", "tier (column D): \"one\""),
            (
                "a,A,seated,1,1.50,A,2",
                "price (column E): 1.50 has decimals, but the price on line 2 is in the smallest unit",
            ),
            ("a,A,seated,1,free,A,2", "price (column E): \"free\""),
            ("a,A,seated,1,100,A", "seat (column G): this cell is empty"),
            ("a,A,seated,1,100,A,2,3", "column H has no name"),
            ("a,A,seated,1,100,Row 12,2", "write \"12\""),
            ("a,A,seated,1,100,A,1", "seat a-A-1 is on line 2 already"),
            ("a,B,seated,1,100,A,2", "described in another way on line 2"),
            ("Ä,A,seated,1,100,A,2", "section"),
        ] {
            let errors = read_csv(&format!("{HEADER}a,A,seated,1,100,A,1\n{line}\n"), "EUR", |_| ()).expect_err(line);
            assert_eq!((errors.len(), errors[0].line), (1, 3), "{line}: {errors:?}");
            assert!(errors[0].detail.contains(said), "{line}: {errors:?}");
        }
    }

    #[test]
    fn a_header_that_is_not_one_says_what_it_should_be() {
        for (text, said) in [
            ("section,row,seat\nstalls,A,1\n", "missing: title, kind, tier, price"),
            ("stalls,Stalls,seated,1,9800,A,1\n", "column A is called \"stalls\": the columns are section, title"),
            ("section,title,kind,tier,price,row,seat,row\n", "columns F and H are both called row"),
            ("", "there are no seats"),
            (HEADER, "there are no seats"),
        ] {
            let errors = read_csv(text, "EUR", |_| ()).expect_err(text);
            assert!(errors[0].detail.contains(said), "{text:?}: {errors:?}");
        }
        assert_eq!([0, 25, 26, 701, 702].map(letters), ["A", "Z", "AA", "ZZ", "AAA"]);
    }
}
