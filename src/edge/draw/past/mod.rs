//! Draws of a room whose sale is over: kept on this edge's own disk, and served under an address that names the draw.
//!
//! Guarantees:
//! - a draw is kept whole or not at all, and what is kept never changes
//!
//! The folders are a room's [`shelf`](crate::edge::room::shelf).

pub(crate) mod keep;
pub(crate) mod proof;
pub(crate) mod serve;
