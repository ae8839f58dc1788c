//! The booking core against a real Postgres, over real sockets.

mod books;
mod shop;

mod buying;
mod chaos;
mod clock;
mod cores;
mod gate;
mod plans;
mod refusals;
mod rush;
