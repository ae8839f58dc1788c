//! fairgate: an edge virtual waiting room in front of a shop or of fairgate's own booking core.
//!
//! This package is the proxy and the command line. [`edge`] holds and admits fans, and [`config`] reads the file.
//! [`admin`] is the admin API, [`page`] is what browsers see, [`cli`] has a file a verb. What is a thing of its own is
//! a crate below `crates/`. These are the pure decisions ([`fairgate_core`]), the draw ([`fairgate_draw`]), tickets
//! and passes ([`fairgate_token`]), and the stores ([`fairgate_store`]). The others are the booking core
//! ([`fairgate_booking`]), verification ([`fairgate_verify`]) and telemetry ([`fairgate_telemetry`]).
//! `docs/architecture.md` says who may name whom.

pub mod admin;
mod bounded;
pub mod cli;
pub mod codes;
pub mod config;
pub mod definitions;
#[cfg(feature = "demo")]
pub mod demo;
pub mod door;
pub mod edge;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod observe;
pub mod page;
#[cfg(feature = "demo")]
pub mod provider;
pub mod witness;
