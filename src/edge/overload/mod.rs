//! Limits of what this edge takes on at once, and of how often one client may ask.

pub(super) mod concurrency;
pub(super) mod connections;
pub(super) mod network_semaphore;
pub(super) mod open_files;
pub(super) mod rate_limit;
pub(super) mod streams;
