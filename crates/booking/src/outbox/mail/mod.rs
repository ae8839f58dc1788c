//! Mails about bookings: an example of a worker behind the outbox, and a whole one.
//!
//! Guarantees:
//! - a message that should become a mail does, or ends among the dead letters
//! - a repeated message is not a repeated mail, unless the worker died between sending and noting it, and then it has
//!   the same `Message-ID`
//!
//! Addresses are read from the database when they are needed; no stream and no log line has one.

mod calendar;
mod letter;
mod post;
mod worker;

pub use calendar::calendar;
pub use letter::Letter;
pub use post::{Post, PostError};
pub use worker::{MAIL, MAILED, MailWatch, MailWorker, PublicShop};
