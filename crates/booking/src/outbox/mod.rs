//! The outbox: what happened leaves the booking core through a log, a relay and Redis Streams, and never in a request.
//!
//! Guarantees:
//! - what happened is in the log in the transaction in which it happened
//! - the [`relay`] publishes all of it, in order, at least once, and none twice while Redis remembers
//! - whoever reads the log is registered ([`Registry`]), and what one of them has not read is kept
//! - a worker reads the log itself ([`LogQueue`]), a group of the Redis stream ([`Group`]), or a queue in RabbitMQ (`amqp`): all
//!   are a [`WorkQueue`]
//! - a worker's failed message is tried again after 1, 5, 10, 30 and 60 seconds and is a dead letter then, until somebody
//!   looks
//!
//! Messages carry no personal data. They are CloudEvents; each type has a JSON Schema, which only grows.
//!
//! ```text
//! change_log (Postgres) ── mail worker in the core ── what failed: parked (Postgres)
//! change_log (Postgres) ── relay ──> {fairgate.outbox} ── group "mail" ──> mail worker
//!                                                             │ six failures
//!            {fairgate.outbox}:mail:again <── dead retry ── {fairgate.outbox}:mail:dead
//! ```

#[cfg(feature = "amqp")]
pub mod amqp;
mod asyncapi;
mod describe;
mod envelope;
pub mod hooks;
mod installation;
#[cfg(feature = "kafka")]
pub mod kafka;
mod log;
mod log_queue;
pub mod mail;
mod message;
mod metrics;
mod notices;
mod redis_queue;
mod redis_sink;
mod registry;
mod relay;
mod schedule;
mod schemas;
mod sink;
mod streams;
mod turn;
mod work;

pub use asyncapi::asyncapi;
pub use envelope::{CloudEvent, Envelope};
pub(crate) use installation::{Installation, fan_name};
pub(crate) use log::ChangeLog;
pub use log_queue::LogQueue;
pub use message::{About, AboutBooking, Kind, Message};
pub use metrics::{HookMetrics, OutboxMetrics, WorkerMetrics};
pub use notices::Notices;
pub use registry::{Accepted, Dropped, Registered, Registry, Republished, sink_name};
pub use relay::{Relay, RelayError, Watched};
pub use schedule::Schedule;
pub use schemas::{breaks, schemas};
pub use sink::{Entry, LastEntry, Sink, SinkError};
pub use streams::{Group, Redis, STREAM, StreamError};
pub(crate) use turn::{Turn, Whose};
pub use work::{Dead, Delivery, QueueError, Standing, WorkQueue};
