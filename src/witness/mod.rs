//! A witness of logs: cosigns checkpoints that continue what it has seen before (C2SP `tlog-witness`, `tlog-cosignature`).
//!
//! Guarantees:
//! - what is cosigned is on the disk before its signature is made, so that no restart and no crash makes it cosign a fork
//! - one checkpoint of a log is judged at a time, against the last one that was cosigned
//! - bodies, connections, logs and waits are bounded
//!
//! It needs nothing of the edge. Anybody can run one, for any number of logs, of draws or others.

mod logs;
mod server;
mod state;

pub use logs::{KnownLogs, LogsError};
pub use server::{Witness, WitnessSettings};
pub use state::StateError;
