//! Who may enter a room, and as whom.
//!
//! Everything here is pure: the time, randomness, keys and what other servers answered are arguments. No file names
//! HTTP, a store or a clock. What a decision wants of the world it returns as a value, and the edge does it.
//!
//! Foundations:
//! - [`keys`] derives one key for each purpose from the operator's identity key.
//! - [`sealed`] is what browsers keep for us and cannot read.
//! - [`bond`] and [`epoch`] bind what was shown to one entry and to one minute, so no replay gives a second entry.
//! - Identities and their tags are the draw's: [`fairgate_draw::v2`].
//! - [`way`] is one way to show that one is a person; [`voucher`] is what every slow way ends in.
//!
//! Ways:
//! - [`code`] are codes, [`shop`] is a shop's token, [`provider`] a challenge of Turnstile, hCaptcha or reCAPTCHA.
//! - [`private_token`] are private access tokens, [`oidc`] and [`mail`] are the pure parts of signing in.
//! - [`work`] is proof of work. [`wait`] stands for work where a device cannot work.
//!
//! Decisions:
//! - [`policy`] is what a room asks; [`join`] decides who enters, and what is owed at the claim.
//! - [`score`] and [`heat`] are suspicion; [`mod@reference`] is what a refused fan quotes.
//! - [`book`] is what the edges of a fleet remember of a draw's entries together.
//! - [`binding`] is the proof that a call comes from whoever has the key.

pub mod binding;
pub mod bond;
pub mod book;
pub mod code;
pub mod epoch;
pub mod heat;
pub mod join;
pub mod keys;
pub mod mail;
pub mod oidc;
pub mod policy;
pub mod private_token;
pub mod provider;
pub mod reference;
pub mod score;
pub mod sealed;
pub mod shop;
pub mod voucher;
pub mod wait;
pub mod way;
pub mod work;

#[cfg(test)]
mod vectors;

/// `H(DST(domain) ‖ part ‖ …)` as the draw's protocol has it.
pub(crate) use fairgate_draw::tagged;
