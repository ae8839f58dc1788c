//! The outbox: what happened leaves the booking core through a log, a relay and Redis Streams, and never in a request.
//!
//! Guarantees:
//! - what happened is in the log in the transaction in which it happened
//! - the [`relay`] publishes all of it, in order, at least once, and none twice while Redis remembers
//! - whoever reads the log is registered ([`Registry`]), and what one of them has not read is kept
//! - a consumer's failed message is tried again after 1, 5, 10, 30 and 60 seconds and then lies in its dead-letter
//!   stream until somebody looks
//!
//! Messages carry no personal data. They are CloudEvents; each type has a JSON Schema, which only grows.
//!
//! ```text
//! change_log (Postgres) ── relay ──> {fairgate.outbox} ── group "mail" ──> mail worker
//!                                                             │ six failures
//!            {fairgate.outbox}:mail:again <── dead retry ── {fairgate.outbox}:mail:dead
//! ```

mod asyncapi;
mod describe;
mod envelope;
mod installation;
mod log;
pub mod mail;
mod message;
mod metrics;
mod redis_sink;
mod registry;
mod relay;
mod schedule;
mod schemas;
mod sink;
mod streams;
mod turn;

pub use asyncapi::asyncapi;
pub use envelope::{CloudEvent, Envelope};
pub use message::{About, AboutBooking, Kind, Message};
pub use metrics::OutboxMetrics;
pub use registry::{Dropped, Registered, Registry, sink_name};
pub use relay::{Relay, RelayError, Watched};
pub use schedule::Schedule;
pub use schemas::{breaks, schemas};
pub use sink::{Entry, Sink, SinkError};
pub use streams::{Dead, Delivery, Group, Redis, STREAM, StreamError};
