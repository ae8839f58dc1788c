//! How a payment ends, and the answer that its idempotency key gets from then on.

use http::StatusCode;
use uuid::Uuid;

use super::State;
use crate::events::seat_map::SeatMap;
use crate::sale::booking::Held;

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

/// A payment that has ended, and the booking it was for.
#[derive(Clone, Copy, Debug)]
pub struct EndedPayment<'a> {
    /// How it ended.
    pub ending: &'a Ending,
    /// The payment.
    pub payment_id: Uuid,
    /// The booking.
    pub booking_id: Uuid,
    /// The booking's seats and what they cost.
    pub held: &'a Held,
    /// The event, by which the seats have their names.
    pub seat_map: &'a SeatMap,
}

/// Words the answer to a payment that has ended. The saga stores it; it is handed in by the layer that speaks to fans.
pub type WordEnding = dyn Fn(EndedPayment<'_>) -> StoredAnswer + Send + Sync;

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
}
