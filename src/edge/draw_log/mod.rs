//! The draw log of this edge: what is published of every draw, kept, signed, served and cosigned by outsiders.
//!
//! Guarantees:
//! - a draw never waits for its log, and what could not be logged is caught up
//! - nothing is shown of the log that is not on this edge's own disk
//! - no checkpoint is signed that does not continue the last one
//!
//! What is to be logged follows from how the rooms stand ([`statements`]), so that it is the same at every edge, after every
//! restart, and whichever step of a draw an edge has missed.

mod book;
pub(super) mod keeper;
pub(super) mod live;
pub(super) mod serve;
mod shared;
mod statements;
mod witnesses;
