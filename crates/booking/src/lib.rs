//! The booking core: a separate process over Postgres that sells every seat once.
//!
//! Guarantees:
//! - a seat is in at most one live booking, whatever dies and whenever
//! - a hold ends at its `expires_at` by the database's clock and by nothing else
//! - the same request again (idempotency key) is the same booking and the same payment
//! - a payment ends in one confirmed booking or in one refund
//!
//! The way of a reservation: [`http`] reads it and checks the pass. The event's queue ([`sale::queue`]) gathers all
//! that wait at the same moment. [`sale::allocate`] decides over them, and one transaction writes what they got. What
//! is shown to everyone ([`sale::availability`]) is kept in memory by the [`sale::seat_cache`], which the
//! [`sale::feed`] corrects from the tables.
//!
//! The order of the rooms; each names only those above it (a test keeps it so):
//!
//! | room | what it does |
//! |---|---|
//! | values | [`units`], [`money`], [`number`], [`mail_address`], [`document`], [`stock`], [`in_progress`] |
//! | [`metrics`], [`sql`], [`db`] | figures, statements, and the way to Postgres |
//! | [`passes`], [`ended`], [`traces`] | who was let in by the edge, and what they have in common |
//! | [`upkeep`] | ends holds, removes old rows |
//! | [`events`] | what is sold: seats, prices, edits, imports |
//! | [`tickets`] | what is shown at the door |
//! | [`sale`] | reservations |
//! | [`payment`] | money: one confirmed booking or one refund |
//! | [`bookings`] | what becomes of a booking afterwards |
//! | [`outbox`] | what the rest of the house hears of it all |
//! | [`reminders`] | what people are reminded of, and when |
//! | [`accounts`] | who sees all of their bookings |
//! | [`insight`] | what organizers ask while a sale runs |
//! | [`search`] | events by words, place, day and price |
//! | [`health`], [`operators`], [`http`] | the calls |
//! | [`server`] | the process |

pub mod accounts;
pub mod bookings;
pub mod db;
pub mod document;
pub mod ended;
pub mod events;
pub mod health;
pub mod http;
pub mod in_progress;
pub mod insight;
pub mod mail_address;
pub mod metrics;
pub mod money;
pub mod number;
pub mod operators;
pub mod outbox;
pub mod passes;
pub mod payment;
pub mod reminders;
#[cfg(test)]
mod rooms_test;
pub mod sale;
pub mod search;
pub mod server;
pub mod sql;
pub mod stock;
pub mod tickets;
pub mod traces;
mod units;
pub mod upkeep;
