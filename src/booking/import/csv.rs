//! Seat plans as CSV: one line a seat, with the columns `section,title,kind,tier,price,row,seat`. Pure.

use csv::{ReaderBuilder, Trim};
use serde::Deserialize;

use super::super::plan::{Section, SectionKind};
use super::draft::{Draft, LineError, SectionWords};

/// A line. What is said about a section is the same on all of its lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    section: String,
    title: String,
    kind: SectionKind,
    tier: u16,
    price: u32,
    row: String,
    seat: String,
}

/// Reads a plan; `told` hears how many seats have been read so far.
///
/// # Errors
/// Every mistake, by line.
pub fn read_csv(text: &str, mut told: impl FnMut(usize)) -> Result<Vec<Section>, Vec<LineError>> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers().cloned().map_err(|error| vec![unreadable(1, &error)])?;
    let mut draft = Draft::default();
    for record in reader.records() {
        let (line, read) = match record {
            Ok(record) => (record.position().map_or(0, csv::Position::line), record.deserialize(Some(&headers))),
            Err(error) => (error.position().map_or(0, csv::Position::line), Err(error)),
        };
        match read {
            Ok(seat) => take(&mut draft, line, seat),
            Err(error) => draft.mistake(line, unreadable(line, &error).detail),
        }
        told(draft.seats());
        if draft.is_hopeless() {
            break;
        }
    }
    draft.finish()
}

fn take(draft: &mut Draft, line: u64, seat: Line) {
    let Line { section: id, title, kind, tier, price, row, seat } = seat;
    if let Some(section) = draft.section(line, SectionWords { id, title, kind, tier, price }) {
        draft.seat(line, section, &row, &seat);
    }
}

fn unreadable(line: u64, error: &csv::Error) -> LineError {
    const COLUMNS: [&str; 7] = ["section", "title", "kind", "tier", "price", "row", "seat"];
    let detail = match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => {
            let column = err.field().and_then(|field| COLUMNS.get(usize::try_from(field).ok()?));
            let column = column.map_or_else(String::new, |column| format!("{column}: "));
            format!("{column}{}", err.kind())
        }
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!("{len} columns, expected {expected_len}"),
        _ => error.to_string(),
    };
    LineError { line, detail }
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
        let sections = read_csv(&text, |seats| told.push(seats)).expect("a plan");
        assert_eq!((sections[0].title.as_str(), sections[0].rows[0].seats.len()), ("Stalls, left", 2));
        assert_eq!(told, [1, 2]);
    }

    #[test]
    fn mistakes_name_line_and_column() {
        let text = format!(
            "{HEADER}a,A,seated,1,100,A,1\na,A,sitting,1,100,A,2\na,A,seated,1,1.50,A,3\na,A,seated,1,100,A\na,A,seated,1,100,A,1\n"
        );
        let errors = read_csv(&text, |_| ()).expect_err("mistakes");
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [3, 4, 5, 6], "{said:?}");
        assert!(
            said[0].contains("expected `seated` or `standing`")
                && said[1].contains("price")
                && said[2].contains("6 columns"),
            "{said:?}"
        );
    }

    #[test]
    fn a_missing_column_is_a_mistake() {
        let errors = read_csv("section,row,seat\nstalls,A,1\n", |_| ()).expect_err("mistakes");
        assert!(errors[0].detail.contains("title"), "{errors:?}");
        assert!(read_csv("", |_| ()).is_err());
    }
}
