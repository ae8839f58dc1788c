//! Campaigns of codes on disk: made, imported, revoked, and loaded by edges.
//!
//! Guarantees:
//! - a campaign's file is whole or not there: it is written beside and renamed
//! - a file that was made with another identity key, or signed by nobody who is believed, is refused
//! - no code is kept, and none is in an error: only its line is
//!
//! A campaign has two files: `{campaign}.fgc` is its list of fingerprints ([`fairgate_entry::code::campaign`] has the
//! format), and `{campaign}.revoked` says which of them no longer count.

#[cfg(test)]
mod figures;
mod files;
mod list;
mod make;
mod strength;

pub use files::{
    AddError, LoadError, Loaded, SaveError, Saved, add_revoked, campaign_names, carried_over, list_file, load, lock,
    revoked_file, save, save_revoked, take_over,
};
pub use list::{CodeList, LineProblem, ListOptions};
pub use make::{MakeError, make_codes};
pub use strength::{BITS_MIN, Strength};
