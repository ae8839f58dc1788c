//! The edge: the gate in front of the shop, as a Pingora server.
//!
//! Its rooms stand in an order, and each names only those before it (`tests/architecture` holds that):
//!
//! 1. [`overload`]: how much is taken on at once, and how often one client may ask; no bound is ever passed.
//! 2. [`http`]: requests and answers as values; every problem has one answer, for programs and for people.
//! 3. [`upstream`]: one shop; no more requests are with it than it can take, and a dead one is left alone.
//! 4. [`credentials`]: keys and certificates; files that cannot be used change nothing.
//! 5. [`room`]: one room as of its last look at the store; what many ask is asked once.
//! 6. [`context`]: what every request and task of this edge shares.
//! 7. [`draw`]: the draw in public; what was published once never changes.
//! 8. [`api`]: the calls of those who wait; nothing is answered before it is durable.
//! 9. [`proxy`]: a request's way to the shop and back; nobody gets there without a pass.
//! 10. [`connection`]: connections between requests; a head that could be framed in two ways never reaches Pingora.
//! 11. [`tasks`]: what goes on without a request; every step may be repeated, by any number of edges.
//! 12. [`process`]: start, takeover and stop; there is no moment at which a connection is refused.
//!
//! A request's way: [`connection::http1`] reads its head, [`proxy::phases`] names Pingora's phases, [`proxy::admit`] decides,
//! [`api::dispatch`] answers the calls of those who wait, [`api::waiting_page`] shows the page, [`proxy::forward`] takes those
//! with a pass to the shop, and [`proxy::session`] looks after their session.

mod api;
mod connection;
mod context;
mod credentials;
mod draw;
mod http;
mod overload;
mod process;
mod proxy;
mod room;
mod slots;
mod tasks;
#[cfg(test)]
mod tests;
mod upstream;

#[cfg(any(test, fuzzing))]
pub(crate) use self::http::client::client_address;
pub use context::EdgeParts;
pub use process::error::EdgeError;
pub use process::handover::Sockets;
pub use process::server::run;
pub use room::batch::{ANSWER_WITHIN, BATCH_MAX, GATHER, QUEUE_MAX};
pub use room::draw_step::{DrawStep, copy_due, is_one_roster};
pub use room::snapshot::{Standing, Verdict};
pub use room::status_document::{PollPolicy, Status, StatusInput};
pub use tasks::heartbeat::{OTHERS_MAY_KNOW, TICK};
pub use tasks::roster_copy::COPY_EVERY;
pub use upstream::handle::UnresolvedUpstream;
