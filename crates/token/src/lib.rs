//! Signing keys, tickets (a fan's receipt) and passes (what opens the shop).
//!
//! Guarantees:
//! - a token is believed only if one of our own keys signed exactly these bytes, for this purpose (`typ`), this issuer
//!   and this room
//! - the algorithm is fixed (Ed25519) and never taken from the token
//! - no pass lives past its `exp`, whatever a cache or a skewed clock says
//! - one place of one draw is one session, however often it is signed
//!
//! Everything here is pure but for [`KeyRing::load`] and [`create_key`], which read and write key files. The time is
//! an argument. The edge signs and verifies with a [`KeyRing`]. Whoever stands behind it (the booking core, an API
//! gateway) verifies with a [`KeySet`] read from the edge's `jwks.json`.
//!
//! The compiler keeps one promise here: this crate names no store, no server and no client, so a token is judged without
//! asking anybody.

mod admission;
mod cache;
mod codes;
mod cookie;
mod ended;
mod jws;
mod keys;
mod keyset;
mod record;
mod session;
mod ticket;

#[cfg(test)]
mod tests;

pub use admission::{Bound, CLOCK_SKEW_MS, NOT_BEFORE_S, Pass, PassError};
pub use cache::{Checked, Gate, PassCache, token_id};
pub use cookie::Cookie;
pub use ended::Ended;
pub use jws::{JwsError, TOKEN_BYTES_MAX, is_gate_token};
pub use keys::{KEYS_MAX, KeyError, KeyFile, KeyRing, create_key, list_keys};
pub use keyset::{JwksError, KeySet};
pub use record::RecordError;
pub use session::SessionId;
pub use ticket::{Hearsay, OfTier, Terms, Ticket, TicketError};
