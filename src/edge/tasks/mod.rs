//! Background tasks: what goes on without a request.

pub(super) mod admin;
pub(super) mod draw_log;
pub(super) mod entry_book;
pub(super) mod file_watch;
mod freeze;
pub(super) mod heartbeat;
pub(super) mod history;
pub(super) mod inventory;
mod next_sale;
pub(super) mod overload_control;
pub(super) mod parcels;
pub(super) mod past_draws;
pub(super) mod revoked_codes;
pub(super) mod roster_copy;
pub(super) mod timekeeper;
