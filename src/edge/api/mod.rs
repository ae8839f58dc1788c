//! The calls of fans: one file a call, from a request to an answer.

mod arrive;
mod bound_pass;
pub(super) mod claim;
mod coming;
pub(super) mod device;
pub(super) mod dispatch;
pub(super) mod ended;
pub(super) mod entry;
pub(super) mod join;
pub(super) mod leave;
pub(super) mod lost_number;
pub(super) mod newcomer;
pub(super) mod renew;
pub(super) mod status;
pub(super) mod ticket;
pub(super) mod waiting_page;
