//! Metrics and logs, handed in and never looked up; no raw address, token or e-mail leaves through them.
//!
//! A metric's documentation is its help text, its name ends in its unit, and what is observed is a verb:
//! `metrics.observe_join_batch(…)`. Labels have few values that are known beforehand; rooms and upstreams come from the
//! configuration, never from a request.

mod edge;
mod exposition;
mod lines;
mod logs;
pub(crate) mod metric;
mod rooms;

pub use edge::{BeaconResult, EdgeMetrics, PassCheck, RequestKind, RouteClass, Shed};
pub use exposition::{EXPOSITION_TYPE, expose, registry};
pub use logs::{announce, flush_logs, init_logs, last_word};
pub use rooms::RoomMetrics;

pub(crate) use metric::metrics;

#[cfg(test)]
mod tests;
