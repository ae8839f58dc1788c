//! One room as this edge knows it: its snapshot, its queues to the store, and the documents that are made from it.

pub(super) mod admitted;
pub(super) mod batch;
pub(super) mod best_minute;
pub(super) mod draw_step;
pub(super) mod ended_sessions;
pub(super) mod handle;
pub(super) mod keyed;
pub(super) mod loss;
pub(super) mod next_sale;
pub(super) mod past_trees;
pub(super) mod retirement;
pub(super) mod shelf;
pub(super) mod snapshot;
pub(super) mod status_document;
pub(super) mod tier_trees;
pub(super) mod workers;
