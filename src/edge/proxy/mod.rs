//! A request's way through Pingora's phases, to the shop and back.

pub(super) mod access_log;
pub(super) mod acquire;
pub(super) mod admit;
pub(super) mod arrival;
pub(super) mod forward;
pub(super) mod headers;
pub(super) mod holder;
pub(super) mod kept_form;
pub(super) mod kill_switch;
pub(super) mod phases;
pub(super) mod prove;
pub(super) mod renewal;
pub(super) mod request_body;
pub(super) mod respond;
pub(super) mod revive;
pub(super) mod session;
pub(super) mod several;
pub(super) mod timeouts;
pub(super) mod tunnel;
pub(super) mod visit;
