//! Heat: how many entries come from where, without a list of addresses.
//!
//! Guarantees:
//! - memory is fixed whatever comes
//! - an address is never kept, and a network's tag of one draw says nothing of another's
//! - counts are never too low
//!
//! Parts:
//! - [`network`] makes the tags.
//! - [`sketch`] counts by tag: a count-min sketch, and how many networks it has seen.
//! - [`rhythm`] sees arrivals that come as if by a clock.
//! - [`table`] is what an organizer says of networks.

pub mod network;
pub mod rhythm;
pub mod sketch;
pub mod table;

pub use network::{NetworkTag, Prefix, Scale};
pub use rhythm::Rhythms;
pub use sketch::{Sketch, SketchError};
pub use table::{Known, NetworkTable, TableError};
