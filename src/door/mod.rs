//! A door: the tickets of one event are checked here without a network, and who came in is written down.
//!
//! Guarantees:
//! - nobody is admitted before the admission is on the disk: a program that is killed forgets none
//! - no ticket is admitted twice by doors that know of each other, and [`merge`] names those that were
//! - what a ticket says is believed only once its signature is good
//!
//! `docs/guides/door.md` is for whoever stands there.

pub mod journal;
pub mod judge;
pub mod merge;
pub mod pack_file;
