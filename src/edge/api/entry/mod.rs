//! The calls by which fans show who they are, one file a call.
//!
//! Guarantees: no cache keeps an answer, and none ends a ticket. A room that asks nothing has none of these calls.

pub(super) mod admission;
mod altcha;
pub(super) mod bound;
mod desk;
pub(super) mod dispatch;
mod mail;
mod me;
pub(super) mod moving;
mod oidc;
pub(super) mod owed;
mod private_token;
pub(super) mod proof;
mod provider;
mod shop;
mod voucher;
pub(super) mod wait;
