//! Seat plans as people save them: whatever is read can be sold, and is what was written.

use std::collections::HashSet;

use fairgate_booking::events::import::{EventWords, Text, read_csv, read_json, read_text};
use fairgate_booking::events::seat_map::{SeatMap, Section, SectionKind};

/// Shows any bytes as a JSON plan and as a CSV plan in three currencies.
///
/// # Panics
/// When a plan is read that cannot be sold, or that reads as another one when it is written plainly.
pub fn plans(bytes: &[u8]) {
    let Ok(Text { text, .. }) = read_text(bytes) else { return };
    if let Ok(import) = read_json(&text, |_| ()) {
        sold(&import.sections);
        assert!(SeatMap::new(import.facts, import.sections).is_ok());
    }
    for currency in ["EUR", "JPY", "KWD"] {
        let lines = text.lines().count() as u64 + 1;
        match read_csv(&text, currency, |_| ()) {
            Ok(sections) => {
                sold(&sections);
                assert_eq!(read_csv(&plain(&sections), currency, |_| ()).as_ref(), Ok(&sections));
            }
            Err(errors) => assert!(!errors.is_empty() && errors.iter().all(|error| (1..=lines).contains(&error.line))),
        }
    }
}

fn sold(sections: &[Section]) {
    let words = EventWords {
        id: "night".into(),
        title: "Night".into(),
        venue: "Hall".into(),
        starts_at: "2027-06-21T20:30[Europe/Lisbon]".into(),
        currency: "EUR".into(),
        ..EventWords::default()
    };
    let plan = SeatMap::new(words.read().expect("an event"), sections.to_vec()).expect("a plan");
    let names: HashSet<&str> = (0..plan.seats()).map(|unit| plan.name(unit)).collect();
    assert_eq!(names.len(), plan.seats() as usize, "each seat has a name of its own");
}

/// The same plan, written as the examples are.
fn plain(sections: &[Section]) -> String {
    let mut text = "section,title,kind,tier,price,row,seat\n".to_owned();
    for section in sections {
        let kind = if section.kind == SectionKind::Seated { "seated" } else { "standing" };
        for row in &section.rows {
            for seat in &row.seats {
                let title = section.title.replace('"', "\"\"");
                let (slug, tier, price, label) = (&section.slug, section.tier, section.price, &row.label);
                text.push_str(&format!("{slug},\"{title}\",{kind},{tier},{price},{label},{seat}\n"));
            }
        }
    }
    text
}
