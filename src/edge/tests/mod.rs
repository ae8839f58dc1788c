//! Tests that need a whole edge, but no socket of it.

mod beacon;
mod sales;
mod tiers;
