//! What every server of fairgate is handed: metrics, logs, clocks, supervised tasks, secrets and randomness.
//!
//! Guarantees: no raw address, token or e-mail leaves through a metric or a log. A metric's documentation is its help text,
//! its name ends in its unit, and its labels have few values that are known beforehand.
//!
//! The compiler keeps one promise here. This crate knows no room, no token and no configuration file, so nothing below
//! it can reach up into them. The wall clock is read in [`clock`] alone, and randomness comes from [`entropy`] alone;
//! `clippy.toml` refuses both anywhere else.

pub mod clock;
pub mod entropy;
mod exposition;
mod lines;
mod logs;
mod metric;
pub mod secret;
pub mod supervise;
pub mod written_time;
pub mod zones;

pub use exposition::{EXPOSITION_TYPE, expose, registry};
pub use logs::{LogConfig, LogFormat, announce, check_level, flush_logs, init_logs, last_word};
pub use metric::Metric;
pub use prometheus;
