//! Search: events by words, however they are typed, and by place, day and price.
//!
//! Guarantees:
//! - the tables have the truth: the index follows the change log, and compares versions with the tables at every start and now and
//!   then, so that what it missed does not stay missed
//! - a search has a bounded question, a bounded number of threads and a deadline; it never waits for a connection to the database,
//!   and no reservation waits for it
//!
//! ```text
//! event, venue, performer, … ── change_log: which ── follow: how they are now ──▶ index (tantivy) ◀── desk ◀── API, page
//! ```

mod answer;
mod desk;
mod document;
mod engine;
mod follow;
mod index;
mod question;
#[cfg(test)]
mod tests;
mod words;

pub use answer::{FoundEvent, Left, SearchAnswer};
pub use desk::{Answered, SearchDesk, SearchRefusal};
pub use document::EventDocument;
pub use engine::TantivyIndex;
pub use follow::{Follower, SearchMetrics, Standing};
pub use index::{Found, IndexError, Mark, SearchIndex};
pub use question::{KM_MAX, Near, PAGE_EVENTS, PAGES_MAX, Question, Sort, TEXT_BYTES_MAX, WORDS_MAX};
