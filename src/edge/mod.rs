//! The edge: the waiting room's gate in front of a shop, as a Pingora server.
//!
//! Its modules stand in an order. Each names only modules before it, and no files name each other in a circle. A test
//! (`tests/architecture`) reads this list and holds the code to it.
//!
//! 1. [`overload`]: concurrency limits and rate limits; no bound is ever passed, and what was taken is given back.
//! 2. [`http`]: requests, answers and problems as values; every problem has one answer, for programs and for people.
//! 3. [`upstream`]: one shop; no more requests are with it than it can take, and a dead one is left alone (circuit breaker).
//! 4. [`credentials`]: keys, certificates and renewed passes; files that cannot be used change nothing.
//! 5. [`draw_log`]: the log of all draws; no draw waits for it, and nothing is signed that does not continue it.
//! 6. [`entry`]: what a room asks of those who enter; nothing is remembered to prevent replays, and nothing waits for ever.
//! 7. [`room`]: one room as of the last look at its store; what many fans ask at once is one call to the store.
//! 8. [`context`]: what every request and every task of this edge shares.
//! 9. [`draw`]: the draw in public; what was published once never changes.
//! 10. [`api`]: the calls of those who wait; nothing is answered before it is durable.
//! 11. [`proxy`]: a request's way to the shop and back; nobody gets to a protected page without a pass.
//! 12. [`connection`]: connections between requests; a head that could be framed in two ways never reaches Pingora.
//! 13. [`tasks`]: background tasks; every step may be repeated, and any number of edges may run it.
//! 14. [`process`]: start, takeover and stop; there is no moment at which a connection is refused.
//!
//! A request's way: [`connection::http1`] reads its head, [`proxy::phases`] names Pingora's phases, and
//! [`proxy::admit`] decides. [`api::dispatch`] answers the calls of those who wait, and [`api::waiting_page`] shows
//! the page. [`proxy::forward`] takes those with a pass to the shop, and [`proxy::session`] looks after their session.

mod api;
mod connection;
mod context;
mod credentials;
mod draw;
mod draw_log;
mod entry;
mod http;
mod overload;
mod process;
mod proxy;
mod room;
mod tasks;
#[cfg(test)]
mod tests;
mod upstream;

#[cfg(any(test, fuzzing))]
pub(crate) use self::http::client::client_address;
pub use context::EdgeParts;
pub use entry::document::EntryDocument;
pub use entry::setup::DeskError;
pub use process::error::EdgeError;
pub use process::handover::Sockets;
pub use process::server::run;
pub use room::batch::{ANSWER_WITHIN, BATCH_MAX, GATHER, QUEUE_MAX};
pub use room::draw_step::{DrawStep, copy_due, is_one_roster, tier_copies_due};
pub use room::next_sale::NextSale;
pub use room::snapshot::{Standing, Verdict};
pub use room::status_document::{PollPolicy, Status, StatusInput};
pub use tasks::heartbeat::{OTHERS_MAY_KNOW, TICK};
pub use tasks::roster_copy::COPY_EVERY;
pub use upstream::handle::UnresolvedUpstream;
