//! Rooms as data: rooms that people make, change and archive while the edge runs, beside those of its file.
//!
//! Guarantees:
//! - a definition is on the disk before it is told to whoever wrote it, and whole, whenever the power fails
//! - in a fleet an edge adopts within a second what another one has written; what Redis has lost is told again by any edge
//! - nobody overwrites what they have not seen: a revision is given once
//! - rooms that contradict each other are not served both: the one that was published first is
//!
//! The text is TOML, as in the edge's file ([`crate::config::RoomText`]). A published room is `rooms.d/NAME.toml` below
//! `store.path`, a draft is `drafts.d/NAME.toml`. What is gone stays as `NAME.gone`, so that no edge brings it back.

mod book;
mod clock_change;
mod disk;
mod fit;
mod form;
mod record;

pub use book::{Book, Followed, Put};
pub use clock_change::{ClockChange, clock_change};
pub use fit::{Fit, LeftOut};
pub use form::Form;
pub use record::{Kind, Record, TEXT_BYTES_MAX, is_name};
