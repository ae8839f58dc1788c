//! Plays fairgate's own decisions on paper time: what no test machine is large enough, or patient enough, to show.
//!
//! A simulation is decided by its seed and its options; it reads no clock and draws no randomness of its own.

pub mod faults;
pub mod onsale;
