//! A fan who comes without a ticket, and what becomes of such a fan: what rooms with tiers and rooms without have in common.

use std::net::IpAddr;

use crate::edge::context::Edge;
use crate::edge::http::problem::Problem;
use crate::edge::room::admitted::Admitted;
use crate::edge::room::batch::BatchError;
use fairgate_core::room::Refusal;
use fairgate_token::{Terms, Ticket};

/// A fan who brings no ticket.
pub(crate) struct Newcomer {
    /// The random bytes that the entry is made of.
    pub(crate) nonce: [u8; 16],
    pub(crate) address: IpAddr,
    /// What the fan has shown; a room without tiers asks for nothing.
    pub(crate) admitted: Admitted,
    /// What the claim will ask for.
    pub(crate) terms: Terms,
}

/// A fan who has an entry, or a place.
pub(crate) struct Entered {
    pub(crate) ticket: Ticket,
    /// True if the fan had it already.
    pub(crate) again: bool,
}

/// What a fan is told who could not be entered.
pub(super) fn problem(edge: &Edge, error: BatchError) -> Problem {
    match error {
        BatchError::Refused(Refusal::NotOpen { opens_at_ms }) => {
            Problem::NotOpen { opens_at_ms, now_ms: edge.now_ms() }
        }
        BatchError::Refused(Refusal::Ended) => Problem::Ended,
        BatchError::Refused(_) | BatchError::Unavailable => edge.store_unavailable(),
        BatchError::Full => Problem::Busy { retry_after_ms: edge.retry_after_ms() },
    }
}
