//! A payment provider for demonstrations and tests, as a process of its own. It takes no money, but it keeps books and
//! misbehaves like a real one when it is told to.
//!
//! Guarantees:
//! - a payment id is charged, refunded or voided once, however often it is asked
//! - what was answered is in the ledger first
//! - every webhook is signed and is sent again until it is taken, or for a minute

mod behaviour;
mod ledger;
mod server;
mod webhooks;

pub use behaviour::{Behaviour, Failing};
pub use ledger::{Ledger, LedgerError};
pub use server::{Provider, ProviderSettings};
pub use webhooks::WebhookTarget;
