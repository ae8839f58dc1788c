//! The booking core against a real Postgres, over real sockets.

mod shop;

mod buying;
