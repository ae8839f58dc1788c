//! A booking as an entry of a calendar (RFC 5545): what phones and mail programs put into one. Pure.
//!
//! Guarantees:
//! - a booking has one entry: its `UID` stays, and a later mail has a higher `SEQUENCE`
//! - no words of an organizer become a line of their own ([`fairgate_pages::calendar`])

use fairgate_pages::calendar::{Entry, Method};
use jiff::Timestamp;

use crate::outbox::Message;

/// The calendar file about a message of a booking. `address` is where the booking can be seen. Nothing where the message is of no
/// booking, or its times cannot be read.
#[must_use]
pub fn calendar(method: Method, message: &Message, address: Option<&str>) -> Option<String> {
    let booking = message.booking.as_ref()?;
    let at = |rfc3339: &str| rfc3339.parse::<Timestamp>().ok();
    let entry = Entry {
        uid: &format!("{}@fairgate", booking.booking_id),
        sequence: match method {
            Method::Publish => 0,
            Method::Cancel => 1,
        },
        stamped_at: at(&message.at)?,
        starts_at: at(&message.event.starts_at)?,
        ends_at: None,
        summary: &message.event.title,
        location: &message.event.venue,
        description: &format!("{}\n{}", booking.number, booking.seats.join(", ")),
        url: address,
        remind_minutes: None,
    };
    Some(fairgate_pages::calendar::calendar("booking", method, &[entry]))
}

#[cfg(test)]
mod tests {
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
        let file = calendar(Method::Publish, &message("Night"), Some(address)).expect("a file");
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
        let later = calendar(Method::Cancel, &message("Night"), None).expect("a file");
        for line in
            ["METHOD:CANCEL", "STATUS:CANCELLED", "SEQUENCE:1", "UID:00000000-0000-0000-0000-000000000000@fairgate"]
        {
            assert!(unfolded(&later).iter().any(|known| known == line), "{line} is not in\n{later}");
        }
        let nobody = Message { booking: None, ..message("Night") };
        assert_eq!(calendar(Method::Publish, &nobody, None), None);
    }
}
