//! Reminders: on the evening before, by the clocks of the place, and in nobody's night.
//!
//! Guarantees:
//! - what will happen is kept as a wall time and a zone. The instant is derived from them, and derived again each day: a country
//!   that changes its clocks moves the reminder, too
//! - nobody is reminded between 22:00 and 08:00 of their own clocks; a reminder that no core was there to send goes out
//!   when one is there again
//! - a booking is reminded of once, unless its event is moved; one that was cancelled, or whose event was called off or has begun, is not
//!
//! A reminder that is due is a change like any other ([`crate::outbox::Kind::ReminderDue`]): it is mailed, told to organizers'
//! systems and tried again as every other one.

mod due;
mod keeper;
mod wall;

pub use due::{Plan, plan};
pub use keeper::{REMINDERS, ReminderKeeper};
pub use wall::instant;
