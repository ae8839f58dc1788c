//! Tickets of seats: what a fan shows at the door, and what a door needs to check them without a network.
//!
//! Guarantees:
//! - a ticket is believed by its signature alone, and names one seat of one booking
//! - a seat that is sold again has another ticket: the one of before is among those that are revoked
//! - nothing in a ticket, and nothing that a door is given, says who bought it
//!
//! `docs/TICKETS.md` describes the format, with test vectors. A place in the line is called a ticket, too, elsewhere
//! (`fairgate_token`): those are the edge's, and end when their owner is inside.

mod keys;
mod office;
mod pack;
mod text;

pub use keys::{KEYS_MAX, TicketKey};
pub use office::{REVOKED_MAX, TicketAnswer, TicketError, TicketOffice};
pub use pack::{DoorPack, PackRow, PackSection, PublicKey, SignedPack};
pub use text::{SeatTicket, Signed, TicketId, Unreadable};
