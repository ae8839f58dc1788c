//! Webhooks: organizers' systems are told what happens, signed after Standard Webhooks.
//!
//! Guarantees:
//! - each system has a queue of its own in the change log: one that is dead holds up no other, and no mail
//! - a message is told at least once, in the order of the log where all goes well, and with the same `webhook-id` each time
//! - a system that takes nothing for three days is switched off, and what it has not read keeps nothing in the log; whoever looks
//!   after it is told by mail, where mails are sent
//! - nobody is led into the house's own network: only public addresses are called, and redirects are not followed
//!
//! What is told is the same CloudEvent that streams carry. It has no personal data.

mod address;
mod courier;
mod farewell;
mod sign;
mod table;
mod worker;

pub use courier::HookError;
pub use farewell::Farewells;
pub use sign::{HookSecret, SecretError};
pub use table::{Hook, HookTable, HookTableError, NewHook, hook_name};
pub use worker::{HookKeeper, reader_of};
