//! What a mail says. Pure.

use super::calendar::{CalendarStep, calendar};
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
    pub calendar: Option<(CalendarStep, String)>,
}

impl Letter {
    /// The mail about a message, if there should be one; `address` is where the booking can be seen.
    #[must_use]
    pub fn about(message: &Message, address: Option<&str>) -> Option<Self> {
        let booking = message.booking.as_ref()?;
        let (title, venue) = (one_line(&message.event.title), one_line(&message.event.venue));
        let (number, when) = (&booking.number, &message.event.starts_at_local);
        let amount = money(booking.amount, &booking.currency);
        let seats: String = booking.seats.iter().map(|seat| format!("  {seat}\n")).collect();
        let (subject, text) = match message.kind {
            Kind::Booked => (
                format!("Your seats for {title}"),
                format!(
                    "Your booking {number} is confirmed.\n\n{title}\n{venue}\n{when}\n\nSeats:\n{seats}\nPaid: {amount}\n"
                ),
            ),
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
            Some(address) if message.kind == Kind::Booked => {
                format!("{text}\nYour tickets for the door, and your booking at any time: {address}\n")
            }
            Some(address) => format!("{text}\nYour booking, at any time: {address}\n"),
            None => text,
        };
        let step = match message.kind {
            Kind::Booked => Some(CalendarStep::Publish),
            Kind::Cancelled => Some(CalendarStep::Cancel),
            _ => None,
        };
        let calendar = step.and_then(|step| Some((step, calendar(step, message, address)?)));
        Some(Self { message_id: format!("<{}.{}@fairgate>", message.id, booking.booking_id), subject, text, calendar })
    }
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
        let letter = Letter::about(&message(Kind::Booked), Some("https://tickets.example/bookings/K7QM2-XRD4T#key"))
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
        assert!(step == CalendarStep::Publish && file.contains("SUMMARY:Night\\nBcc: all@example.com\r\n"), "{file}");
        assert_eq!(letter.message_id, "<7.00000000-0000-0000-0000-000000000000@fairgate>");
    }

    #[test]
    fn only_what_concerns_a_buyer_is_mailed() {
        let mailed = |kind| Letter::about(&message(kind), None).is_some();
        assert!(mailed(Kind::Refunded) && mailed(Kind::Cancelled));
        let letter = Letter::about(&message(Kind::Cancelled), None).expect("a mail");
        assert!(letter.calendar.is_some_and(|(step, _)| step == CalendarStep::Cancel), "the event leaves the calendar");
        assert_eq!(Kind::ALL.into_iter().filter(|kind| mailed(*kind)).count(), 3);
    }
}
