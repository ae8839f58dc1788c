//! What a fan is told when a payment has ended.

use http::StatusCode;

use super::problem::Problem;
use crate::bookings::answer::BookingAnswer;
use crate::bookings::links::Links;
use crate::payment::{EndedPayment, Ending, StoredAnswer, WordEnding};
use crate::sale::booking::BookingStatus;

/// Words the endings of payments; bookings have the addresses that `links` makes.
#[must_use]
pub fn word_endings(links: Links) -> Box<WordEnding> {
    Box::new(move |ended| match ended.ending {
        Ending::Confirmed => confirmed(&ended, &links),
        Ending::Declined(reason) => Problem::payment_declined(reason).stored(),
        Ending::Refunded => Problem::refunded().stored(),
    })
}

fn confirmed(ended: &EndedPayment<'_>, links: &Links) -> StoredAnswer {
    let &EndedPayment { payment_id, booking_id, held, seat_map, .. } = ended;
    let answer = BookingAnswer::new(seat_map, booking_id, held, BookingStatus::Confirmed, links.of(booking_id));
    let answer = BookingAnswer { payment_id: Some(payment_id), ..answer };
    let body = serde_json::to_string(&answer).expect("a struct of strings and numbers");
    StoredAnswer { status: StatusCode::OK, body }
}
