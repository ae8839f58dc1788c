//! One shop: its address, its circuit breaker, its limits, and its measurements.

pub(super) mod handle;
pub(super) mod measurements;
