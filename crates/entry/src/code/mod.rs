//! Codes: who has one, enters.
//!
//! Guarantees:
//! - a typing error is told apart from a wrong code without asking anybody
//! - a code is kept as a keyed fingerprint alone
//! - unknown, revoked, too early, too late and mistyped codes are answered alike, after the same work
//!
//! Parts:
//! - [`text`] is a code's spelling: alphabet, check character, normalisation, making new ones.
//! - [`fingerprint`] is what is kept of it.
//! - [`campaign`] is one list of codes as a file and in memory; [`revoked`] is which of them no longer count.
//! - [`sharing`] tells the organizer which codes several people show.
//! - [`CodeWay`] decides, over all campaigns of a room.

pub mod campaign;
pub mod fingerprint;
pub mod revoked;
pub mod sharing;
pub mod text;

mod way;

pub use campaign::{Campaign, CampaignBuilder, CampaignError, CampaignReader, CodeKind};
pub use fingerprint::{CampaignName, Fingerprint, Fingerprinter};
pub use revoked::{Revoked, RevokedError};
pub use sharing::{Shared, Sharing};
pub use text::Code;
pub use way::{Campaigns, CodeFound, CodeTerms, CodeWay};
