//! The process: how it starts, hands its sockets over, and stops.

pub(super) mod drain;
pub(super) mod error;
pub(super) mod handover;
pub(super) mod listening;
pub(super) mod prepare;
pub(super) mod room_maker;
pub(super) mod room_set;
pub(super) mod server;
pub(super) mod signals;
pub(super) mod stop;
pub(super) mod takeover_lock;
