//! Requests, answers and problems as values. Nothing here waits or counts.

pub(super) mod answer;
pub(super) mod body;
pub(super) mod client;
pub(super) mod cors;
pub(super) mod entry_problem;
pub(super) mod oversized;
pub(super) mod problem;
pub(super) mod request;
pub(super) mod request_id;
pub(super) mod upgrade;
