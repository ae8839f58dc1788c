//! The booking core against a real Postgres, over real sockets.

mod books;
mod shop;
mod till;

mod buying;
mod chaos;
mod clock;
mod cores;
mod gate;
mod organizers;
mod outbox;
mod payments;
mod plans;
mod refusals;
mod rush;
mod webhooks;
