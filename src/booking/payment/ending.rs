//! How a payment ends, and the answer that its idempotency key gets from then on.

use http::StatusCode;
use uuid::Uuid;

use super::super::batch::Held;
use super::super::http::problem::Problem;
use super::super::links::Links;
use super::super::plan::Plan;
use super::super::wire::{BookingAnswer, BookingStatus};
use super::State;

/// How a payment ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The money is taken and the seats are the fan's.
    Confirmed,
    /// The provider said no.
    Declined(String),
    /// The money was taken, but the seats had gone to somebody else; it was given back.
    Refunded,
}

/// An answer as it was given the first time, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: String,
}

impl Ending {
    /// The state that the payment's row gets.
    #[must_use]
    pub fn state(&self) -> State {
        match self {
            Self::Confirmed => State::Confirmed,
            Self::Declined(_) => State::Declined,
            Self::Refunded => State::Refunded,
        }
    }

    /// What the fan is told.
    #[must_use]
    pub fn answer(&self, plan: &Plan, booking_id: Uuid, payment_id: Uuid, held: &Held, links: &Links) -> StoredAnswer {
        match self {
            Self::Confirmed => {
                let mut answer =
                    BookingAnswer::new(plan, booking_id, held, BookingStatus::Confirmed, links.of(booking_id));
                answer.payment_id = Some(payment_id);
                let body = serde_json::to_string(&answer).expect("a struct of strings and numbers");
                StoredAnswer { status: StatusCode::OK, body }
            }
            Self::Declined(reason) => Problem::payment_declined(reason).stored(),
            Self::Refunded => Problem::refunded().stored(),
        }
    }
}
