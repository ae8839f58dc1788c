//! A room's desk: what the room asks of those who enter, and whether it was shown.
//!
//! Guarantees: nothing is remembered to prevent replays, since what is shown counts for one entry, and one entry has
//! one position. What is slow is bounded, and ends in a voucher. Nothing here looks at a ticket.
//!
//! Parts:
//! - [`desk`] decides about joins and [`claim`] about claims, [`shown`] is what a call shows, and [`wallet`] the vouchers that a browser keeps.
//! - [`setup`] opens the desk, and [`page`] says what the waiting page has to know. [`document`] is what the status says, and [`load`] how much work is asked of whom.
//! - `again` sees who comes again, and `book` is the desk's side of the draw's book. [`notes`] is what that is told, and [`overruled`] what organizers have decided.
//! - [`campaigns`] reads lists of codes from their files, and `code_reading` takes them in. [`errand`] bounds what the world is asked, [`challenge`]
//!   asks challenge providers, and [`mailer`] sends codes by mail. [`moves`] bounds offers of places to other devices.

mod again;
mod book;
pub(super) mod campaigns;
pub(super) mod challenge;
pub(super) mod claim;
mod code_reading;
pub(super) mod desk;
pub(super) mod document;
pub(super) mod errand;
pub(super) mod issuers;
pub(super) mod load;
pub(super) mod mailer;
pub(super) mod moves;
mod notes;
pub(super) mod overruled;
pub(super) mod page;
mod provider_client;
mod remote_shop;
pub(super) mod setup;
pub(super) mod shown;
pub(super) mod sign_in;
pub(super) mod wallet;
