//! What the core does on its own beside selling: ends holds, removes old rows, and measures how far others are behind.

pub mod prune;
pub mod sweep;
pub(crate) mod watch;
