//! fairgate: an edge virtual waiting room in front of a booking core.
//!
//! The modules mirror the visitor's way: arrive → pool → draw → line → admit → pass → proxy → book.
//! Pure modules ([`arrive`], [`room`], [`pass`], the draw in [`fairgate_draw`]) take the time and randomness as
//! arguments; only the shells ([`edge`], [`store`], [`control`], [`booking`]) do I/O. See `docs/architecture.md`.

pub mod cli;
pub mod config;
pub mod control;
#[cfg(feature = "demo")]
pub mod demo;
pub mod edge;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod observe;
pub mod page;
pub mod provider;

pub use fairgate_booking as booking;
pub use fairgate_store as store;
pub use fairgate_telemetry::{clock, supervise};
pub use fairgate_token as pass;
pub use fairgate_verify as audit;

pub use fairgate_core::{fields, overload as steer, rate_limit as limit, recovery as recover, request as arrive, room};
#[cfg(feature = "demo")]
pub use fairgate_testkit as sandbox;
