//! Steering: from how the shop answers to how many people may be inside and how many requests with it.
//!
//! Two loops. The outer one ([`Controller`]) is about people. It raises the cap on sessions while the shop answers
//! well and the cap is in use, and brakes when it does not. The inner one ([`Window`]) is about requests. It bounds
//! what is in flight to a shop. So those who are inside already cannot overload it while the outer loop takes effect.
//! People stay for minutes and requests for milliseconds, so neither loop can do the other's work.
//!
//! Everything here is pure: times, counts and signals in, decisions out. The edge measures and applies.

mod breaker;
mod controller;
mod eta;
mod health;
mod latencies;
mod stay;
mod window;

pub use breaker::Breaker;
pub use controller::{Controller, Room};
pub use eta::{Advance, Look, Pace, Progress};
pub use health::{Health, Interval, Signals};
pub use latencies::{Latencies, Meter};
pub use window::{Window, queue_wait_ms};

/// How often the loops decide, in milliseconds.
pub const STEP_MS: u64 = 250;
