//! The metrics of an edge and of its rooms, handed in and never looked up.
//!
//! What is observed is a verb: `metrics.observe_join_batch(…)`. Rooms and upstreams come from the configuration, never from a
//! request. How metrics and logs are made is [`fairgate_telemetry`]'s matter.

mod edge;
mod entry;
mod rooms;

pub use edge::{BeaconResult, EdgeMetrics, PassCheck, RequestKind, RouteClass, Shed, WitnessOutcome};
pub use entry::{EntryMetrics, ErrandFailure, MailOutcome, MovedBy, ProofOutcome};
pub use fairgate_telemetry::{EXPOSITION_TYPE, announce, expose, flush_logs, init_logs, last_word, registry};
pub use rooms::RoomMetrics;

pub(crate) use fairgate_telemetry::metrics;

#[cfg(test)]
mod tests;
