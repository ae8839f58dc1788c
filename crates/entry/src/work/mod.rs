//! Proof of work before an entry: the puzzle `birthday-18`, and the rules of who solves how much of it.
//!
//! It is a brake and not a price: it slows scripts and spreads their load. Who gets places is never decided by it, since a
//! rented server solves a puzzle in a twentieth of the time that an old phone takes.
//!
//! - [`puzzle`] makes the tables of one entry and one minute; [`solution`] is 16 of a table's rows, and checks them.
//! - [`solver`] finds them, in 29 MB; `pages/entry/birthday.js` does the same in a browser.
//! - [`way`] checks the work of a join, and asks for more.
//! - [`effort`] says how many tables are asked of the crowd and of one network.
//! - [`altcha`] carries the puzzle in the messages of ALTCHA's widget.
//!
//! Who cannot solve waits instead: see [`wait`](crate::wait).

pub mod altcha;
pub mod effort;
pub mod puzzle;
pub mod solution;
pub mod solver;
pub mod way;
