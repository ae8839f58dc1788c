//! What API clients are told when something is not as it should be (RFC 9457): one place for every status and wording.
//!
//! The form of a problem is [`fairgate_problem`]'s.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::reply::Reply;
use crate::bookings::extend::ExtendError;
use crate::bookings::{CancelError, FindError};
use crate::db::DbError;
use crate::events::seat_map::SeatMap;
use crate::passes::AuthError;
use crate::payment::{PayError, RefundError, State, StoredAnswer, UnderWay};
use crate::sale::allocate::Refusal;
use crate::sale::queue::ReserveError;
use fairgate_problem::{MEDIA_TYPE, ProblemDetails};

/// A problem, and when to ask again.
#[derive(Clone, Debug)]
pub struct Problem {
    details: Box<ProblemDetails>,
    retry_after_s: Option<u32>,
}

impl Problem {
    /// A problem of a kind.
    #[must_use]
    pub fn new(status: StatusCode, slug: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { details: Box::new(ProblemDetails::new(status, slug, title, detail)), retry_after_s: None }
    }

    /// Something in the request cannot be right; `field` names it.
    #[must_use]
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The request is not valid", detail).with("field", field)
    }

    /// What the request names does not exist.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        let detail = format!("There is no such {what}.");
        Self::new(StatusCode::NOT_FOUND, &format!("unknown-{what}"), "Not found", detail).with("field", what)
    }

    /// Come back in a moment.
    #[must_use]
    pub fn busy(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too busy", detail).retry_after(1)
    }

    /// Whoever asks has tried too often.
    #[must_use]
    pub fn too_many_tries(retry_after_s: u32) -> Self {
        let detail = format!("Too many tries. Try again in {retry_after_s} s.");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-tries", "Too many tries", detail).retry_after(retry_after_s)
    }

    /// The same idempotency key is being served.
    #[must_use]
    pub fn in_progress() -> Self {
        let detail = "The first request with this Idempotency-Key is still being served. Ask again in a moment.";
        Self::new(StatusCode::CONFLICT, "idempotency-in-progress", "Still being served", detail).retry_after(1)
    }

    /// The idempotency key was used for something else.
    #[must_use]
    pub fn other_request() -> Self {
        let detail =
            "This Idempotency-Key was used for another request. Use a new key for each thing that is to happen.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", "The key was used before", detail)
            .with("field", "Idempotency-Key")
    }

    /// The provider said no.
    #[must_use]
    pub fn payment_declined(reason: &str) -> Self {
        let detail = format!("The payment was declined: {reason}. Your seats are still held; pay in another way.");
        Self::new(StatusCode::PAYMENT_REQUIRED, "payment-declined", "The payment was declined", detail)
    }

    /// Paid too late, and given back.
    #[must_use]
    pub fn refunded() -> Self {
        let detail = "The hold had ended and somebody else has the seats. Your payment was given back.";
        Self::new(StatusCode::CONFLICT, "refunded", "Too late; refunded", detail).with("refunded", true)
    }

    /// What the fan is told when there is no booking.
    #[must_use]
    pub fn refused(seat_map: &SeatMap, refusal: &Refusal, nearby: &[u32]) -> Self {
        let names = |units: &[u32]| -> Vec<&str> { units.iter().map(|&unit| seat_map.name(unit)).collect() };
        let conflict = |slug, title, detail: String| Self::new(StatusCode::CONFLICT, slug, title, detail);
        match refusal {
            Refusal::Taken(units) => {
                let detail = format!("Somebody else was faster: {} taken.", names(units).join(", "));
                conflict("seats-taken", "Seats are taken", detail)
                    .with("taken", names(units))
                    .with("nearby", names(nearby))
            }
            Refusal::NotEnough { free } => {
                conflict("not-enough", "Not enough seats are left", format!("{free} left in this section."))
                    .with("free", *free)
            }
            Refusal::NotTogether { free } => {
                let detail = format!(
                    "{free} left in this section, but not so many side by side. Ask without `only_together` to take single seats."
                );
                conflict("not-together", "No seats side by side", detail).with("free", *free)
            }
            Refusal::Limit { seats_max, has } => {
                let detail = format!("One fan may have {seats_max} seats for this event; you have {has}.");
                conflict("seats-limit", "The limit for one fan", detail).with("seats_max", *seats_max).with("has", *has)
            }
            Refusal::OtherRequest => Self::other_request(),
        }
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        *self.details = self.details.with(name, value);
        self
    }

    /// Says when to ask again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// As an answer that is kept for an idempotency key.
    #[must_use]
    pub fn stored(&self) -> StoredAnswer {
        StoredAnswer { status: self.details.status_code(), body: self.details.to_json() }
    }

    /// As an answer.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let reply = Reply::json(self.details.status_code(), self.details.to_json());
        Reply { content_type: MEDIA_TYPE, retry_after_s: self.retry_after_s, ..reply }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.reply().into_response()
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        if matches!(error, DbError::Slow) {
            tracing::warn!(%error, "a request was turned away");
        }
        if error.is_busy() {
            return Self::busy("Too many ask at this moment. Ask again with the same Idempotency-Key.");
        }
        tracing::error!(%error, "a request failed with the database");
        let detail = "The database cannot be reached. Ask again with the same Idempotency-Key: nothing happens twice.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Out of order for a moment", detail).retry_after(2)
    }
}

impl From<ReserveError> for Problem {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Busy => Self::busy("Too many fans reserve at this moment. Nothing was reserved; ask again."),
            ReserveError::Unavailable => Self::from(DbError::Connect(error.to_string())),
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        if matches!(error, AuthError::NoKeys | AuthError::NewKey) {
            let detail = "The gate's keys could not be fetched, so no pass can be checked. Ask again in a moment.";
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "no-keys", "Out of order for a moment", detail)
                .retry_after(1);
        }
        let detail = format!("Booking needs a valid pass from the waiting room: {error}.");
        Self::new(StatusCode::UNAUTHORIZED, "pass-required", "A pass is required", detail)
    }
}

impl From<PayError> for Problem {
    fn from(error: PayError) -> Self {
        let conflict = |slug, title, detail: &str| Self::new(StatusCode::CONFLICT, slug, title, detail);
        match error {
            PayError::NotFound => Self::not_found("booking"),
            PayError::UnknownPayment => Self::not_found("payment"),
            PayError::OtherAmount => Self::invalid("charge", "The amount or the currency is not the payment's."),
            PayError::OtherRequest => Self::other_request(),
            PayError::Paid => {
                conflict("already-paid", "Paid already", "This booking is paid. Nothing was charged again.")
            }
            PayError::Cancelled => conflict("cancelled", "Given back", "This booking was given back. Reserve again."),
            PayError::Gone => conflict(
                "hold-ended",
                "The hold has ended",
                "The hold has ended and somebody else has the seats. Nothing was charged.",
            ),
            PayError::UnderWay(under_way) => under_way.into(),
            PayError::TooOften => conflict(
                "declined-too-often",
                "Declined too often",
                "So many payments for this booking were declined that no more are tried. Nothing was charged. Give the booking \
                 back and choose seats again, with another way to pay.",
            ),
            PayError::Provider(error) => {
                tracing::warn!(%error, "a payment has not come to its end");
                let detail = "The payment provider does not answer. Ask again with the same Idempotency-Key: you are charged once at most.";
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "provider-unavailable",
                    "No answer from the payment provider",
                    detail,
                )
                .retry_after(3)
            }
            PayError::Database(error) => error.into(),
        }
    }
}

/// Says which payment it is and where it stands, so that whoever asks can follow it instead of beginning another one.
impl From<UnderWay> for Problem {
    fn from(UnderWay { payment_id, booking_id, state }: UnderWay) -> Self {
        let detail = match state {
            State::Refunding => "A payment for this booking is being given back. Nothing was charged again.",
            _ => "A payment is under way. Nothing was charged again; look at the booking to see what becomes of it.",
        };
        Self::new(StatusCode::CONFLICT, "payment-under-way", "A payment is under way", detail)
            .with("booking_id", booking_id.to_string())
            .with("payment", json!({ "payment_id": payment_id, "state": state }))
            .retry_after(2)
    }
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Self {
        match error {
            RefundError::NotFound => Self::not_found("booking"),
            RefundError::UnderWay(under_way) => under_way.into(),
            RefundError::OtherRequest => Self::other_request(),
            RefundError::Database(error) => error.into(),
        }
    }
}

impl From<FindError> for Problem {
    fn from(error: FindError) -> Self {
        match error {
            FindError::NotFound => Self::not_found("booking"),
            FindError::Ambiguous => Self::invalid("booking", "Two bookings share this number: name the id."),
            FindError::Database(error) => error.into(),
        }
    }
}

impl From<ExtendError> for Problem {
    fn from(error: ExtendError) -> Self {
        let conflict = |slug, title, detail: String| Self::new(StatusCode::CONFLICT, slug, title, detail);
        match error {
            ExtendError::NotFound => Self::not_found("booking"),
            ExtendError::Paid => PayError::Paid.into(),
            ExtendError::Cancelled => PayError::Cancelled.into(),
            ExtendError::Ended => {
                let detail = "The hold has ended. Nothing was charged; reserve again.".to_owned();
                conflict("hold-ended", "The hold has ended", detail)
            }
            ExtendError::UnderWay(under_way) => under_way.into(),
            ExtendError::NotOnSale(title) => {
                conflict("not-on-sale", "Not on sale", format!("{title} is not on sale.")).with("field", "event")
            }
            ExtendError::Limit { seats_max, has } => {
                let detail = format!("One fan may have {seats_max} seats for this event by now; you have {has}.");
                conflict("seats-limit", "The limit for one fan", detail).with("seats_max", seats_max).with("has", has)
            }
            ExtendError::NoMore => {
                let detail =
                    "These seats were held as long as they may be. Pay for them before the time is up.".to_owned();
                conflict("no-more-time", "No more time", detail)
            }
            ExtendError::Database(error) => error.into(),
        }
    }
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::NotFound => Self::not_found("booking"),
            CancelError::Paid => PayError::Paid.into(),
            CancelError::UnderWay(under_way) => under_way.into(),
            CancelError::Database(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_to_do_is_told_apart_from_what_is_broken() {
        let told = |error: DbError| {
            let problem = Problem::from(error);
            (
                problem.details.status,
                problem.details.kind.rsplit('/').next().unwrap_or_default().to_owned(),
                problem.retry_after_s,
            )
        };
        for busy in [DbError::Busy(crate::db::priority::Busy), DbError::Slow] {
            assert_eq!(told(busy), (503, "busy".to_owned(), Some(1)));
        }
        assert_eq!(told(DbError::Connect("refused".to_owned())), (503, "unavailable".to_owned(), Some(2)));
    }
}
