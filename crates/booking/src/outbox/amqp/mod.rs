//! RabbitMQ, as far as the outbox needs it: a sink, and queues of work with retries and dead letters.
//!
//! ```text
//! relay ──> fairgate.events (topic) ── booking.confirmed.# ──> fairgate.mail ──> mail worker
//!                                                                ^        │ failed   │ six failures
//!                                             after its 5 s ─────┴── fairgate.mail.wait.5000
//!                                                                                    fairgate.mail.dead
//! ```
//!
//! Guarantees:
//! - queues of work are durable, replicated where the broker is a cluster (quorum queues), and refuse what they have no room for
//! - a message is published as persistent and as one that has to reach a queue, and counts only once the broker has confirmed it
//! - whatever breaks a connection, the next call makes another one; whoever works here tries again by itself
//!
//! Tried with RabbitMQ 3.10.

mod broker;
mod letter;
mod queue;
mod sink;
mod topology;

pub use broker::{Broker, BrokerError};
pub use queue::RabbitQueue;
pub use sink::RabbitSink;
pub use topology::{EXCHANGE, worker_queue};
