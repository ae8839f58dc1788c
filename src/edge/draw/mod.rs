//! The draw in public: its record, its lists, and the public randomness that it waits for.

pub(super) mod beacon;
pub(super) mod counts;
mod kept;
pub(super) mod past;
pub(super) mod public_lists;
pub(super) mod record;
pub(super) mod roster;
mod row_proof;
pub(super) mod tiers;
