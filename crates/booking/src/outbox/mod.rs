//! The outbox: what happened leaves the booking core through a log, a relay and Redis Streams, and never in a request.
//!
//! Guarantees:
//! - what happened is in the log in the transaction in which it happened
//! - the [`relay`] publishes all of it, in order, at least once, and none twice while Redis remembers
//! - a consumer's failed message is tried again after 1, 5, 10, 30 and 60 seconds and then lies in its dead-letter
//!   stream until somebody looks
//!
//! Messages carry no personal data.
//!
//! ```text
//! change_log (Postgres) ── relay ──> {fairgate.outbox} ── group "mail" ──> mail worker
//!                                                             │ six failures
//!            {fairgate.outbox}:mail:again <── dead retry ── {fairgate.outbox}:mail:dead
//! ```

mod log;
pub mod mail;
mod message;
mod metrics;
mod relay;
mod schedule;
mod streams;

pub use message::{About, AboutBooking, Kind, Message};
pub use metrics::OutboxMetrics;
pub use relay::{Relay, RelayError, Watched};
pub use schedule::Schedule;
pub use streams::{Dead, Delivery, Group, Redis, STREAM};
