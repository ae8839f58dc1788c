//! The decisions of a waiting room, without anything that carries them out.
//!
//! Guarantees: nothing here reads a clock, draws a random number that decides anything, opens a file or a socket, or waits. Time
//! comes in with each call, so the same calls have the same answers, and a test plays an hour in a millisecond.
//!
//! The compiler keeps the larger part of that promise. This crate has no runtime, no HTTP server, no database client and
//! no TLS among its dependencies, so no module can name one. A test holds the list of dependencies to it.
//!
//! | module | article | decides |
//! |---|---|---|
//! | [`request`] | request routing, request smuggling | who asks for what, and what may be forwarded |
//! | [`fields`] | HTTP header fields | how a field of a client is read |
//! | [`room`] | virtual waiting room, state machine | who is drawn, called, and let in |
//! | [`recovery`] | replica repair | what an edge puts back into a store that has lost it |
//! | [`overload`] | overload control, adaptive concurrency | how many people and requests a shop bears |
//! | [`rate_limit`] | rate limiting (GCRA) | how often one client may ask |

pub mod fields;
pub mod overload;
pub mod rate_limit;
pub mod recovery;
pub mod request;
pub mod room;
