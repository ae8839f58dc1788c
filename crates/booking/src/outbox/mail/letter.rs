//! What a mail says. Pure.

use fairgate_pages::calendar::Method;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::calendar::calendar;
use crate::db::DbTime;
use crate::events::local_time::in_zone;
use crate::money::money;
use crate::outbox::{Kind, Message};

/// A mail without its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The same for the same message, so that mail systems drop a repeated mail.
    pub message_id: String,
    /// The subject.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// What calendars are told, as a file.
    pub calendar: Option<(Method, String)>,
}

impl Letter {
    /// The mail about a message, if there should be one; `address` is where the booking can be seen, `zone` where its reader is.
    #[must_use]
    pub fn about(message: &Message, address: Option<&str>, zone: Option<&str>) -> Option<Self> {
        let booking = message.booking.as_ref()?;
        let (title, venue) = (one_line(&message.event.title), one_line(&message.event.venue));
        let (number, when) = (&booking.number, &message.event.starts_at_local);
        let amount = money(booking.amount, &booking.currency);
        let theirs = zone.and_then(|zone| their_time(message, zone)).unwrap_or_default();
        let seats: String = booking.seats.iter().map(|seat| format!("  {seat}\n")).collect();
        let (subject, text) = match message.kind {
            Kind::Booked => (
                format!("Your seats for {title}"),
                format!(
                    "Your booking {number} is confirmed.\n\n{title}\n{venue}\n{when}\n{theirs}\nSeats:\n{seats}\nPaid: {amount}\n"
                ),
            ),
            Kind::ReminderDue => {
                let soon = soon(message);
                (
                    format!("{soon}: {title}"),
                    format!("{soon}: {title}\n{venue}\n{when}\n{theirs}\nYour booking {number}, seats:\n{seats}"),
                )
            }
            Kind::Cancelled => (
                format!("Cancelled: {title}"),
                format!(
                    "Your booking {number} for {title} ({when}) was cancelled.\n\nSeats that are no longer yours:\n{seats}"
                ),
            ),
            Kind::Refunded => (
                format!("Refunded: {title}"),
                format!("Your payment of {amount} for {title} ({when}), booking {number}, was given back.\n"),
            ),
            Kind::Held
            | Kind::Expired
            | Kind::Edited
            | Kind::PaymentStarted
            | Kind::Declined
            | Kind::RefundStarted
            | Kind::Changed => return None,
        };
        let text = match address {
            Some(address) if matches!(message.kind, Kind::Booked | Kind::ReminderDue) => {
                format!("{text}\nYour tickets for the door, and your booking at any time: {address}\n")
            }
            Some(address) => format!("{text}\nYour booking, at any time: {address}\n"),
            None => text,
        };
        let step = match message.kind {
            Kind::Booked => Some(Method::Publish),
            Kind::Cancelled => Some(Method::Cancel),
            _ => None,
        };
        let calendar = step.and_then(|step| Some((step, calendar(step, message, address)?)));
        Some(Self { message_id: format!("<{}.{}@fairgate>", message.id, booking.booking_id), subject, text, calendar })
    }
}

/// How people call the time of an event that is near: by the clocks of its place, seen from when the message was made.
fn soon(message: &Message) -> String {
    let place = TimeZone::get(&message.event.zone).unwrap_or(TimeZone::UTC);
    let local = |instant: &str| instant.parse::<Timestamp>().ok().map(|instant| instant.to_zoned(place.clone()));
    let (Some(now), Some(starts)) = (local(&message.at), local(&message.event.starts_at)) else {
        return message.event.starts_at_local.clone();
    };
    let day = match now.date().until(starts.date()).map(|span| span.get_days()) {
        Ok(0) => "Today".to_owned(),
        Ok(1) => "Tomorrow".to_owned(),
        _ => starts.strftime("%A").to_string(),
    };
    format!("{day}, {}", starts.strftime("%H:%M"))
}

/// The time of the event by the reader's own clocks, as a line, where they show another one.
fn their_time(message: &Message, zone: &str) -> Option<String> {
    let starts_at: Timestamp = message.event.starts_at.parse().ok()?;
    let (there, here) = (TimeZone::get(&message.event.zone).ok()?, TimeZone::get(zone).ok()?);
    let is_other = there.to_datetime(starts_at) != here.to_datetime(starts_at);
    is_other.then(|| format!("For you: {}\n", in_zone(DbTime(starts_at.as_millisecond()), zone)))
}

/// An organizer's words in a header.
fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: Kind) -> Message {
        let mut message = Message::example(kind);
        message.event.title = "Night\r\nBcc: all@example.com".into();
        message
    }

    #[test]
    fn a_confirmation_says_what_when_where_and_how_much() {
        let letter =
            Letter::about(&message(Kind::Booked), Some("https://tickets.example/bookings/K7QM2-XRD4T#key"), None)
                .expect("a mail");
        assert_eq!(letter.subject, "Your seats for Night Bcc: all@example.com", "one line, whatever the title");
        for part in [
            "K7QM2-XRD4T",
            "Your tickets for the door",
            "20:30 WEST (UTC+01:00)",
            "  stalls-A-2\n",
            "240.05 EUR",
            "/bookings/K7QM2-XRD4T#key\n",
        ] {
            assert!(letter.text.contains(part), "{part} is not in\n{}", letter.text);
        }
        let (step, file) = letter.calendar.expect("a calendar file");
        assert!(step == Method::Publish && file.contains("SUMMARY:Night\\nBcc: all@example.com\r\n"), "{file}");
        assert_eq!(letter.message_id, "<7.00000000-0000-0000-0000-000000000000@fairgate>");
    }

    #[test]
    fn only_what_concerns_a_buyer_is_mailed() {
        let mailed = |kind| Letter::about(&message(kind), None, None).is_some();
        assert!(mailed(Kind::Refunded) && mailed(Kind::Cancelled));
        let letter = Letter::about(&message(Kind::Cancelled), None, None).expect("a mail");
        assert!(letter.calendar.is_some_and(|(step, _)| step == Method::Cancel), "the event leaves the calendar");
        assert_eq!(Kind::ALL.into_iter().filter(|kind| mailed(*kind)).count(), 4);
    }

    #[test]
    fn a_reminder_says_when_as_people_do_and_tells_strangers_their_own_time() {
        let reminder = |at: &str, zone| {
            let message = Message { at: at.into(), ..message(Kind::ReminderDue) };
            Letter::about(&message, Some("https://tickets.example/b"), zone).expect("a mail")
        };
        let letter = reminder("2027-06-20T17:00:00.000Z", Some("Asia/Kathmandu"));
        assert_eq!(letter.subject, "Tomorrow, 20:30: Night Bcc: all@example.com");
        for part in [
            "Monday, 21 June 2027, 20:30 WEST (UTC+01:00)\nFor you: Tuesday, 22 June 2027, 01:15 +0545 (UTC+05:45)\n",
            "  stalls-A-2\n",
            "Your tickets for the door, and your booking at any time: https://tickets.example/b\n",
        ] {
            assert!(letter.text.contains(part), "{part} is not in\n{}", letter.text);
        }
        // London's clocks show the same as Lisbon's.
        for zone in [None, Some("Europe/London"), Some("Mars/Olympus")] {
            assert!(!reminder("2027-06-20T17:00:00.000Z", zone).text.contains("For you"), "{zone:?}");
        }
        // By the clocks of the place: 23:30 UTC is the next day there.
        for (at, begins) in [
            ("2027-06-20T23:30:00.000Z", "Today, 20:30: "),
            ("2027-06-19T23:30:00.000Z", "Tomorrow, 20:30: "),
            ("2027-06-19T22:30:00.000Z", "Monday, 20:30: "),
        ] {
            assert!(reminder(at, None).subject.starts_with(begins), "{at}");
        }
    }
}
