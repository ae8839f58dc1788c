//! Binding: a place and a pass that cannot be sold by copy and paste.
//!
//! Guarantees:
//! - whoever shows a ticket or pass that names a key proves that it has the key, for this call, this token and this
//!   minute
//! - a proof that was seen on its way is worth nothing elsewhere
//! - a lost key loses no place, for the keepsake or the identity names another
//!
//! Parts:
//! - [`thumbprint`] is a key's name in tickets and passes.
//! - [`nonce`] is what dates a proof; the same for everybody, new each minute.
//! - [`proof`] is the check of one.
//! - [`device`] is a session that the browser itself keeps alive with a key of its device.
//! - [`keepsake`] is twelve letters that the page shows with the receipt.
//! - [`offer`] is how a fan takes a place to another device on purpose.
//! - [`several`] tells a pass that several people use from a phone that changes networks.

pub mod device;
pub mod keepsake;
pub mod nonce;
pub mod offer;
pub mod proof;
pub mod several;
#[cfg(test)]
mod signing_key;
pub mod thumbprint;

pub use device::{DeviceError, DeviceSession, DeviceSessions, SessionOf};
pub use keepsake::{Keepsake, KeepsakeHash};
pub use nonce::ProofNonces;
pub use offer::{Acceptance, Letters, Offer, OfferKeys, Offered};
pub use proof::{PROOF_BYTES_MAX, ProofError, ProofOf, token_hash, verify_proof};
pub use several::Networks;
pub use thumbprint::{PublicKey, Thumbprint};
