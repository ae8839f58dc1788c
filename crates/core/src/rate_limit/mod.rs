//! Limits on what one client may ask: by session, by network, by class of request.
//!
//! Guarantees:
//! - in every window of length w one key is allowed at most rate · w + burst requests
//! - memory is fixed when the table is made, however many keys there are
//!
//! Pure: the time comes in with every question.

mod gcra;
mod network;
mod occupancy;
mod spread;
mod table;

pub use gcra::{Quota, Verdict};
pub use network::{Network, networks};
pub use occupancy::{Held, Occupancy};
pub use spread::Spread;
pub use table::Table;
