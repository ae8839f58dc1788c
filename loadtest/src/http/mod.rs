//! A lean HTTP/1.1 client: one kept connection, one question at a time, nothing held between questions but the socket.
//!
//! Tens of thousands of fans share two cores with the server they visit. So a question costs one write and usually one
//! read, and a waiting fan costs no buffer.

mod answer;
mod connection;
mod sockets;

pub(crate) use answer::Answer;
pub(crate) use connection::{Connection, Fault, exchange};
pub(crate) use sockets::Sockets;
pub use sockets::raise_socket_limit;
