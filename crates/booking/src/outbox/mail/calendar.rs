//! A booking as an entry of a calendar (RFC 5545): what phones and mail programs put into one. Pure.
//!
//! Guarantees:
//! - a booking has one entry: its `UID` stays, and a later mail has a higher `SEQUENCE`
//! - no line is longer than 75 bytes, none breaks a character, and no words of an organizer become a line of their own

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::outbox::Message;

/// The longest line without its end, in bytes.
const LINE_BYTES_MAX: usize = 75;

/// What a calendar is told about a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarStep {
    /// It is confirmed: put the event in.
    Publish,
    /// It was cancelled: take the event out.
    Cancel,
}

impl CalendarStep {
    /// The method, as mail programs want it in the type of the attachment, too.
    #[must_use]
    pub fn method(self) -> &'static str {
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

    fn sequence(self) -> u8 {
        match self {
            Self::Publish => 0,
            Self::Cancel => 1,
        }
    }
}

/// The calendar file about a message of a booking. `address` is where the booking can be seen. Nothing where the message is of no
/// booking, or its times cannot be read.
#[must_use]
pub fn calendar(step: CalendarStep, message: &Message, address: Option<&str>) -> Option<String> {
    let booking = message.booking.as_ref()?;
    let (starts_at, at) = (utc(&message.event.starts_at)?, utc(&message.at)?);
    let words = format!("{}\n{}", booking.number, booking.seats.join(", "));
    let mut file = String::new();
    let mut line = |text: String| fold(&text, &mut file);
    for fixed in ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//fairgate//booking//EN", "CALSCALE:GREGORIAN"] {
        line(fixed.to_owned());
    }
    line(format!("METHOD:{}", step.method()));
    line("BEGIN:VEVENT".to_owned());
    line(format!("UID:{}@fairgate", booking.booking_id));
    line(format!("SEQUENCE:{}", step.sequence()));
    line(format!("STATUS:{}", step.status()));
    line(format!("DTSTAMP:{at}"));
    line(format!("DTSTART:{starts_at}"));
    line(format!("SUMMARY:{}", escaped(&message.event.title)));
    line(format!("LOCATION:{}", escaped(&message.event.venue)));
    line(format!("DESCRIPTION:{}", escaped(&words)));
    if let Some(address) = address.filter(|address| !address.contains(char::is_control)) {
        line(format!("URL:{address}"));
    }
    line("END:VEVENT".to_owned());
    line("END:VCALENDAR".to_owned());
    Some(file)
}

/// An instant as calendars write it: `20270621T193000Z`.
fn utc(rfc3339: &str) -> Option<String> {
    let at = rfc3339.parse::<Timestamp>().ok()?.to_zoned(TimeZone::UTC);
    Some(at.strftime("%Y%m%dT%H%M%SZ").to_string())
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
    use crate::outbox::Kind;

    fn message(title: &str) -> Message {
        let mut message = Message { at: "2027-01-01T00:00:00.123Z".into(), ..Message::example(Kind::Booked) };
        (message.event.title, message.event.venue) = (title.into(), "Hall; Main, Street".into());
        message
    }

    /// The lines of a file as a calendar reads them: those that go on are joined.
    fn unfolded(file: &str) -> Vec<String> {
        file.replace("\r\n ", "").split_terminator("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn an_entry_says_what_when_and_where_and_a_later_one_replaces_it() {
        let address = "https://tickets.example/bookings/K7QM2-XRD4T#key";
        let file = calendar(CalendarStep::Publish, &message("Night"), Some(address)).expect("a file");
        let lines = unfolded(&file);
        for line in [
            "METHOD:PUBLISH",
            "UID:00000000-0000-0000-0000-000000000000@fairgate",
            "SEQUENCE:0",
            "STATUS:CONFIRMED",
            "DTSTAMP:20270101T000000Z",
            "DTSTART:20270621T193000Z",
            "SUMMARY:Night",
            "LOCATION:Hall\\; Main\\, Street",
            "DESCRIPTION:K7QM2-XRD4T\\nstalls-A-1\\, stalls-A-2",
            "URL:https://tickets.example/bookings/K7QM2-XRD4T#key",
        ] {
            assert!(lines.iter().any(|known| known == line), "{line} is not in\n{file}");
        }
        assert_eq!((lines[0].as_str(), lines[lines.len() - 1].as_str()), ("BEGIN:VCALENDAR", "END:VCALENDAR"));
        let later = calendar(CalendarStep::Cancel, &message("Night"), None).expect("a file");
        for line in
            ["METHOD:CANCEL", "STATUS:CANCELLED", "SEQUENCE:1", "UID:00000000-0000-0000-0000-000000000000@fairgate"]
        {
            assert!(unfolded(&later).iter().any(|known| known == line), "{line} is not in\n{later}");
        }
        let nobody = Message { booking: None, ..message("Night") };
        assert_eq!(calendar(CalendarStep::Publish, &nobody, None), None);
    }

    proptest! {
        #[test]
        fn whatever_an_organizer_writes_stays_one_short_enough_line(title in "\\PC{0,200}|(.|\r|\n){0,60}") {
            let file = calendar(CalendarStep::Publish, &message(&title), None).expect("a file");
            let raw: Vec<&str> = file.split_terminator("\r\n").collect();
            prop_assert!(raw.iter().all(|line| line.len() <= LINE_BYTES_MAX && !line.contains(['\r', '\n'])));
            let lines = unfolded(&file);
            prop_assert_eq!(lines.len(), 16);
            let summary = lines.iter().filter(|line| line.starts_with("SUMMARY:")).count();
            prop_assert_eq!(summary, 1);
        }
    }
}
