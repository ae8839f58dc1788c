//! Seat plans as JSON: the event, and its sections with rows of seats. Pure.
//!
//! Sections and rows are read piece by piece out of the text, so that each mistake has its line.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::draft::{Draft, LineError, SectionWords};
use super::{EventWords, Import};
use crate::events::seat_map::SectionKind;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(borrow)]
    event: &'a RawValue,
    #[serde(borrow)]
    sections: Vec<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionJson<'a> {
    id: String,
    title: String,
    kind: SectionKind,
    #[serde(default)]
    tier: u16,
    price: u32,
    #[serde(borrow)]
    rows: Vec<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowJson {
    label: String,
    seats: SeatsJson,
}

/// What is written on the seats, or how many there are, numbered from 1.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`seats` is a number of seats, or a list of their names as strings")]
enum SeatsJson {
    Count(u32),
    Names(Vec<String>),
}

/// Reads a plan; `told` hears how many seats have been read so far.
///
/// # Errors
/// Every mistake, by line.
pub fn read_json(text: &str, mut told: impl FnMut(usize)) -> Result<Import, Vec<LineError>> {
    let source = Source::new(text);
    let file: File<'_> = source.read("", text).map_err(|error| vec![error])?;
    let mut draft = Draft::default();
    let event: Result<EventWords, LineError> = source.read("event", file.event.get());
    let facts = event.and_then(|event| {
        let read = event.read().and_then(|facts| Ok((facts, event.read_about()?)));
        read.map_err(|misfit| LineError { line: source.line(file.event.get()), detail: format!("event.{misfit}") })
    });
    for (number, section) in file.sections.into_iter().enumerate() {
        let path = format!("sections[{number}]");
        match source.read::<SectionJson<'_>>(&path, section.get()) {
            Ok(read) => take(&mut draft, &source, (&path, source.line(section.get())), read, &mut told),
            Err(error) => draft.mistake_at(error),
        }
    }
    draft.at(String::new());
    match (facts, draft.finish()) {
        (Ok((facts, about)), Ok(sections)) => Ok(Import { facts, about, sections }),
        (Err(error), Ok(_)) => Err(vec![error]),
        (Ok(_), Err(errors)) => Err(errors),
        (Err(error), Err(errors)) => Err([vec![error], errors].concat()),
    }
}

fn take(
    draft: &mut Draft,
    source: &Source<'_>,
    (path, line): (&str, u64),
    read: SectionJson<'_>,
    told: &mut impl FnMut(usize),
) {
    draft.at(path.to_owned());
    let SectionJson { id, title, kind, tier, price, rows } = read;
    let Some(section) = draft.section(line, SectionWords { id, title, kind, tier, price }) else { return };
    for (number, row) in rows.into_iter().enumerate() {
        let path = format!("{path}.rows[{number}]");
        if draft.is_hopeless() {
            return;
        }
        let line = source.line(row.get());
        draft.at(path.clone());
        match source.read::<RowJson>(&path, row.get()) {
            Ok(RowJson { label, seats: SeatsJson::Names(names) }) => {
                names.iter().for_each(|seat| draft.seat(line, section, &label, seat));
            }
            Ok(RowJson { label, seats: SeatsJson::Count(count) }) => {
                let seats = (1..=count).take(super::SEATS_MAX + 1);
                seats.for_each(|seat| draft.seat(line, section, &label, &seat.to_string()));
            }
            Err(error) => draft.mistake_at(error),
        }
        told(draft.seats());
    }
}

/// The text, and where its lines begin.
struct Source<'a> {
    text: &'a str,
    line_starts: Vec<usize>,
}

impl<'a> Source<'a> {
    fn new(text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, line_starts: [0].into_iter().chain(after_breaks).collect() }
    }

    /// The line on which a piece of the text begins.
    fn line(&self, piece: &str) -> u64 {
        let at = (piece.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.line_starts.partition_point(|&start| start <= at) as u64
    }

    /// Reads a piece of the text that stands at a path; a mistake has its line and its path in the whole.
    fn read<'p, T: Deserialize<'p>>(&self, path: &str, piece: &'p str) -> Result<T, LineError> {
        let mut json = serde_json::Deserializer::from_str(piece);
        let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let below = error.path().to_string();
            let below = Some(below).filter(|below| below != "." && below != "?").unwrap_or_default();
            let dot = if path.is_empty() || below.is_empty() || below.starts_with('[') { "" } else { "." };
            self.mistake(&format!("{path}{dot}{below}"), piece, error.inner())
        })?;
        json.end().map_err(|error| self.mistake(path, piece, &error))?;
        Ok(read)
    }

    fn mistake(&self, path: &str, piece: &str, error: &serde_json::Error) -> LineError {
        let said = error.to_string();
        let detail = said.split(" at line ").next().unwrap_or_default();
        let detail = if path.is_empty() { detail.to_owned() } else { format!("{path}: {detail}") };
        LineError { line: self.line(piece) + (error.line() as u64).saturating_sub(1), detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"{
  "event": {
    "id": "night", "title": "Night", "venue": "Hall",
    "starts_at": "2027-06-21T20:30[Europe/Lisbon]", "currency": "EUR"
  },
  "sections": [
    {"id": "stalls", "title": "Stalls", "kind": "seated", "price": 9800, "rows": [
      {"label": "A", "seats": 3},
      {"label": "B", "seats": ["1", "1a", "2"]}
    ]},
    {"id": "pit", "title": "Pit", "kind": "standing", "price": 6500, "rows": [{"label": "GA", "seats": 50}]}
  ]
}"#;

    #[test]
    fn rows_are_counted_or_named() {
        let import = read_json(PLAN, |_| ()).expect("a plan");
        assert_eq!(import.facts.slug, "night");
        assert_eq!(import.sections[0].rows[0].seats, ["1", "2", "3"]);
        assert_eq!(import.sections[0].rows[1].seats[1], "1a");
        assert_eq!(import.sections[1].rows[0].first_unit, 6);
    }

    #[test]
    fn mistakes_have_their_line_in_the_file() {
        for (what, right, wrong, line, said) in [
            ("broken", "\"sections\": [", "\"sections\": {", 6, "invalid type: map"),
            ("an unknown field", "\"price\": 9800", "\"cost\": 9800", 7, "unknown field `cost`"),
            ("a seat twice", "\"1a\"", "\"1\"", 9, "seat stalls-B-1 is on line 9 already"),
            ("a bad label", "\"label\": \"A\"", "\"label\": \"A-1\"", 8, "row \"A-1\""),
            ("odd seats", "\"seats\": 3", "\"seats\": true", 8, "a number of seats"),
            ("a bad currency", "\"EUR\"", "\"euro\"", 2, "currency"),
            ("an odd price", "9800", "\"98\"", 7, "sections[0].price: invalid type: string"),
            ("an odd name", "\"1a\"", "7", 9, "sections[0].rows[1].seats: "),
            ("a missing field", "\"label\": \"GA\", ", "", 11, "sections[1].rows[0]: missing field `label`"),
            ("an odd place", "\"Hall\",", "\"Hall\", \"place\": {\"id\": \"hall\"},", 3, "event.place"),
            (
                "a performer without a name",
                "\"Hall\",",
                "\"Hall\", \"performers\": [{\"id\": \"a\", \"name\": \"\"}],",
                2,
                "event.performers[0].name",
            ),
            ("an odd event", "\"Night\"", "7", 3, "event.title: invalid type"),
            ("a currency that nobody has", "\"EUR\"", "\"XXQ\"", 2, "event.currency: \"XXQ\" is no currency"),
            ("a row with a word", "\"label\": \"A\"", "\"label\": \"Row A\"", 8, "sections[0].rows[0]: row \"Row A\""),
            ("a section twice", "\"id\": \"pit\"", "\"id\": \"stalls\"", 11, "described in another way on line 7"),
        ] {
            let errors = read_json(&PLAN.replacen(right, wrong, 1), |_| ()).expect_err(what);
            assert_eq!(errors[0].line, line, "{what}: {errors:?}");
            assert!(errors[0].detail.contains(said), "{what}: {errors:?}");
        }
    }
}
