//! The file by which a fan's calendar reminds of a sale, in the fan's language.
//!
//! Guarantee: a sale that is moved within its day replaces what a calendar has of it already.

use fairgate_pages::calendar::{Entry, Method, calendar};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::language;

/// The calendar reminds so long before.
const REMIND_MINUTES: u32 = 10;

/// What of a sale is still to come.
#[derive(Clone, Debug)]
pub struct ComingSale<'a> {
    /// The room's name.
    pub room: &'a str,
    /// What the fan waits for.
    pub title: &'a str,
    /// When its pool or line opens.
    pub opens: Option<Moment>,
    /// When its places are drawn, where they are.
    pub draw: Option<Moment>,
    /// Where the fan waits: an address of the shop.
    pub address: &'a str,
    /// When the file is made.
    pub now: Timestamp,
}

/// A moment of a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The instant.
    pub at: Timestamp,
    /// The same as people at the venue write it, in the same way in every language.
    pub at_venue: String,
}

/// The file's text and its `Content-Language`, by the request's `Accept-Language`. Nothing where nothing is to come.
#[must_use]
pub fn sale_calendar(sale: &ComingSale<'_>, accept_language: &[u8]) -> Option<(String, &'static str)> {
    let language = language::get(language::negotiate(accept_language));
    let moments = [("opens", sale.opens.as_ref()), ("draw", sale.draw.as_ref())];
    let moments: Vec<_> = moments.into_iter().filter_map(|(what, moment)| Some((what, moment?))).collect();
    let texts: Vec<(String, String)> = moments
        .iter()
        .map(|(what, moment)| {
            let day = moment.at.to_zoned(TimeZone::UTC).strftime("%Y%m%d");
            (format!("{}-{what}-{day}@fairgate", sale.room), format!("{}: {}", language.script[*what], sale.title))
        })
        .collect();
    let entries: Vec<Entry<'_>> = moments
        .iter()
        .zip(&texts)
        .map(|((what, moment), (uid, summary))| Entry {
            uid,
            sequence: 0,
            stamped_at: sale.now,
            starts_at: moment.at,
            ends_at: sale.draw.as_ref().filter(|_| *what == "opens").map(|draw| draw.at),
            summary,
            location: "",
            description: &moment.at_venue,
            url: Some(sale.address),
            remind_minutes: Some(REMIND_MINUTES),
        })
        .collect();
    (!entries.is_empty()).then(|| (calendar("edge", Method::Publish, &entries), language.tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at: &str) -> Moment {
        Moment { at: at.parse().expect("a time"), at_venue: "2027-06-21 20:30 (Europe/Lisbon)".to_owned() }
    }

    fn sale() -> ComingSale<'static> {
        ComingSale {
            room: "final",
            title: "Fado & Friends",
            opens: Some(moment("2027-06-21T19:30:00Z")),
            draw: Some(moment("2027-06-21T20:00:00Z")),
            address: "https://tickets.example/",
            now: "2027-01-01T00:00:00Z".parse().expect("a time"),
        }
    }

    #[test]
    fn a_pool_has_an_entry_for_the_time_in_which_fans_may_come_and_one_for_its_draw() {
        let (file, tag) = sale_calendar(&sale(), b"en").expect("a file");
        assert_eq!((tag, file.matches("BEGIN:VEVENT").count()), ("en", 2));
        for line in [
            "UID:final-opens-20270621@fairgate",
            "SUMMARY:Opens: Fado & Friends",
            "DTSTART:20270621T193000Z",
            "DTEND:20270621T200000Z",
            "UID:final-draw-20270621@fairgate",
            "SUMMARY:Draw: Fado & Friends",
            "DTSTART:20270621T200000Z",
            "DESCRIPTION:2027-06-21 20:30 (Europe/Lisbon)",
            "URL:https://tickets.example/",
            "TRIGGER:-PT10M",
        ] {
            assert!(file.contains(&format!("{line}\r\n")), "{line} is not in\n{file}");
        }
    }

    #[test]
    fn what_is_over_is_left_out() {
        let line = ComingSale { draw: None, ..sale() };
        let (file, _) = sale_calendar(&line, b"en").expect("a file");
        assert!(!file.contains("DTEND") && file.matches("BEGIN:VEVENT").count() == 1, "{file}");
        let pooling = ComingSale { opens: None, ..sale() };
        let (file, _) = sale_calendar(&pooling, b"en").expect("a file");
        assert!(file.contains("final-draw-") && !file.contains("final-opens-"), "{file}");
        assert_eq!(sale_calendar(&ComingSale { opens: None, draw: None, ..sale() }, b"en"), None);
    }

    #[test]
    fn it_is_in_the_fans_language() {
        for language in language::all() {
            let (file, tag) = sale_calendar(&sale(), language.tag.as_bytes()).expect("a file");
            assert_eq!(tag, language.tag);
            let summary = format!("SUMMARY:{}", language.script["opens"]);
            assert!(file.replace("\r\n ", "").contains(&summary), "{tag}: {file}");
        }
    }
}
