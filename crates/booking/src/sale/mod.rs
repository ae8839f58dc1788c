//! Selling: a reservation waits in the [`queue`] of its event. [`allocate`] decides over all that wait at the same
//! moment, and [`group_commit`] writes what they got in one transaction.
//!
//! Guarantees:
//! - a seat is in at most one live booking
//! - what the [`seat_cache`] holds is never trusted for selling, only for choosing
//! - the [`feed`] corrects it from the tables

pub mod allocate;
pub mod availability;
pub mod booking;
pub mod catalogue;
pub mod desks;
pub mod event_state;
pub mod feed;
pub mod free_seats;
mod group_commit;
#[cfg(test)]
mod model_test;
mod notify;
pub mod on_sale;
pub mod queue;
pub mod seat_cache;
pub mod seat_search;
