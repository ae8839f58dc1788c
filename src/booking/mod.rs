//! The booking core: a separate process over Postgres that sells every seat once.
//!
//! Guarantees: a seat is in at most one live booking, whatever dies and whenever; a hold ends at its `expires_at` by the
//! database's clock and by nothing else; the same request again (idempotency key) is the same booking and the same payment;
//! a payment ends in one confirmed booking or in one refund.
//!
//! The way of a reservation: [`http`] reads it and checks the pass, the event's [`queue`] gathers all that wait at the same
//! moment, [`batch`] decides over them, and one transaction writes what they got. What is shown to everyone
//! ([`availability`]) is kept in memory by the [`mirror`], which the [`feed`] corrects from the tables.
//!
//! The way of the money is in [`payment`], what the rest of the house hears of it all in [`outbox`], and what organizers do
//! in [`edit`] and [`import`].

pub mod address;
pub mod availability;
pub mod batch;
mod bell;
pub mod bookings;
pub mod choose;
pub mod db;
pub mod document;
pub mod edit;
pub mod ended;
pub mod event_state;
pub mod events;
pub mod extend;
pub mod feed;
pub mod free;
pub mod hall;
pub mod health;
pub mod http;
pub mod import;
pub mod in_progress;
pub mod links;
pub mod metrics;
pub mod mirror;
#[cfg(test)]
mod model;
pub mod money;
pub mod outbox;
pub mod passes;
pub mod payment;
pub mod plan;
pub mod prune;
pub mod queue;
pub mod receipts;
pub mod server;
pub mod sql;
pub mod sweep;
pub mod time;
pub mod turnstile;
mod units;
mod watch;
pub mod wire;
mod writer;
