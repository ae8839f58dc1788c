//! Files that phones and mail programs put into a calendar (RFC 5545).
//!
//! Guarantees:
//! - no line is longer than 75 bytes, and none breaks a character
//! - no words of an organizer become a line of their own

use jiff::Timestamp;

/// The longest line without its end, in bytes.
const LINE_BYTES_MAX: usize = 75;

/// What the file asks of a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Put its entries in.
    Publish,
    /// Take them out.
    Cancel,
}

impl Method {
    /// The method's name, as mail programs want it in the type of an attachment, too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "PUBLISH",
            Self::Cancel => "CANCEL",
        }
    }

    fn status(self) -> &'static str {
        match self {
            Self::Publish => "CONFIRMED",
            Self::Cancel => "CANCELLED",
        }
    }
}

/// One entry of a calendar. Texts may have any characters; empty ones are left out.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// What stays the same of one entry, so that a later file replaces it.
    pub uid: &'a str,
    /// Higher in a later file.
    pub sequence: u8,
    /// When the file was made.
    pub stamped_at: Timestamp,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it ends, where it takes any time.
    pub ends_at: Option<Timestamp>,
    /// Its title.
    pub summary: &'a str,
    /// Where it is.
    pub location: &'a str,
    /// More words.
    pub description: &'a str,
    /// An address with more; one that has control characters is left out.
    pub url: Option<&'a str>,
    /// So many minutes before its beginning the calendar reminds.
    pub remind_minutes: Option<u32>,
}

/// A calendar file. `product`: the part of the program that makes it.
#[must_use]
pub fn calendar(product: &str, method: Method, entries: &[Entry<'_>]) -> String {
    let mut file = String::new();
    let mut line = |text: &str| fold(text, &mut file);
    line("BEGIN:VCALENDAR");
    line("VERSION:2.0");
    line(&format!("PRODID:-//fairgate//{product}//EN"));
    line("CALSCALE:GREGORIAN");
    line(&format!("METHOD:{}", method.name()));
    for entry in entries {
        write(entry, method, &mut line);
    }
    line("END:VCALENDAR");
    file
}

fn write(entry: &Entry<'_>, method: Method, line: &mut impl FnMut(&str)) {
    line("BEGIN:VEVENT");
    line(&format!("UID:{}", escaped(entry.uid)));
    line(&format!("SEQUENCE:{}", entry.sequence));
    line(&format!("STATUS:{}", method.status()));
    line(&format!("DTSTAMP:{}", utc(entry.stamped_at)));
    line(&format!("DTSTART:{}", utc(entry.starts_at)));
    if let Some(ends_at) = entry.ends_at {
        line(&format!("DTEND:{}", utc(ends_at)));
    }
    for (name, text) in [("SUMMARY", entry.summary), ("LOCATION", entry.location), ("DESCRIPTION", entry.description)] {
        if !text.is_empty() {
            line(&format!("{name}:{}", escaped(text)));
        }
    }
    if let Some(url) = entry.url.filter(|url| !url.contains(char::is_control)) {
        line(&format!("URL:{url}"));
    }
    if let Some(minutes) = entry.remind_minutes {
        line("BEGIN:VALARM");
        line("ACTION:DISPLAY");
        line(&format!("DESCRIPTION:{}", escaped(entry.summary)));
        line(&format!("TRIGGER:-PT{minutes}M"));
        line("END:VALARM");
    }
    line("END:VEVENT");
}

/// An instant as calendars write it: `20270621T193000Z`.
fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A value of type TEXT (RFC 5545, 3.3.11).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.replace("\r\n", "\n").chars() {
        match sign {
            '\\' | ';' | ',' => escaped.extend(['\\', sign]),
            '\n' => escaped.push_str("\\n"),
            sign if sign.is_control() => {}
            sign => escaped.push(sign),
        }
    }
    escaped
}

/// Writes a line, in pieces that begin with a space where it is too long (RFC 5545, 3.1).
fn fold(text: &str, file: &mut String) {
    let mut bytes = 0;
    for sign in text.chars() {
        if bytes + sign.len_utf8() > LINE_BYTES_MAX {
            file.push_str("\r\n ");
            bytes = 1;
        }
        file.push(sign);
        bytes += sign.len_utf8();
    }
    file.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn entry<'a>(summary: &'a str, location: &'a str) -> Entry<'a> {
        Entry {
            uid: "final-opens-20270621@fairgate",
            sequence: 0,
            stamped_at: at("2027-01-01T00:00:00.123Z"),
            starts_at: at("2027-06-21T21:30:00+02:00"),
            ends_at: None,
            summary,
            location,
            description: "",
            url: None,
            remind_minutes: None,
        }
    }

    /// The lines of a file as a calendar reads them: those that go on are joined.
    fn unfolded(file: &str) -> Vec<String> {
        file.replace("\r\n ", "").split_terminator("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn an_entry_says_what_when_and_where_and_what_is_not_known_is_left_out() {
        let whole = Entry {
            ends_at: Some(at("2027-06-21T20:00:00Z")),
            url: Some("https://tickets.example/"),
            remind_minutes: Some(10),
            ..entry("Night, Day", "Hall; Main")
        };
        let lines = unfolded(&calendar("edge", Method::Publish, &[whole]));
        for line in [
            "PRODID:-//fairgate//edge//EN",
            "UID:final-opens-20270621@fairgate",
            "DTSTAMP:20270101T000000Z",
            "DTSTART:20270621T193000Z",
            "DTEND:20270621T200000Z",
            "SUMMARY:Night\\, Day",
            "LOCATION:Hall\\; Main",
            "URL:https://tickets.example/",
            "TRIGGER:-PT10M",
        ] {
            assert!(lines.iter().any(|known| known == line), "{line} is not in {lines:?}");
        }
        let bare = calendar("edge", Method::Cancel, &[entry("Night", ""), entry("Day", "")]);
        assert_eq!(bare.matches("STATUS:CANCELLED").count(), 2);
        for absent in ["LOCATION", "DESCRIPTION", "URL", "DTEND", "VALARM"] {
            assert!(!bare.contains(absent), "{absent}: {bare}");
        }
        let broken = Entry { url: Some("https://x.example/\r\nATTENDEE:y"), ..entry("Night", "") };
        assert!(!calendar("edge", Method::Publish, &[broken]).contains("ATTENDEE"));
    }

    proptest! {
        #[test]
        fn whatever_an_organizer_writes_stays_one_short_enough_line(title in "\\PC{1,200}|(.|\r|\n){1,60}") {
            let file = calendar("edge", Method::Publish, &[entry(&title, "Hall")]);
            let raw: Vec<&str> = file.split_terminator("\r\n").collect();
            prop_assert!(raw.iter().all(|line| line.len() <= LINE_BYTES_MAX && !line.contains(['\r', '\n'])));
            let lines = unfolded(&file);
            prop_assert_eq!(lines.len(), 15);
            let summary = lines.iter().filter(|line| line.starts_with("SUMMARY:")).count();
            prop_assert_eq!(summary, 1);
        }
    }
}
