//! One shop: its address, how it has answered, and who may go there now.

pub(super) mod handle;
pub(super) mod measurements;
