//! What has to hold where places move from one device to another: what a fan has handed over is the other device's alone.

use std::collections::HashMap;

use super::one_entry::Complaint;
use super::promises::Promise;

/// Who has moved a place, with which edge's answer, and when.
#[derive(Debug, Default)]
pub(crate) struct OneDevice {
    moved: HashMap<usize, (usize, u64)>,
    /// Places that moved, and first devices that came in vain.
    pub(crate) turned_away: u64,
}

impl OneDevice {
    /// Both devices know from this edge that the place has moved.
    pub(crate) fn moved(&mut self, fan: usize, edge: usize, at_ms: u64) {
        self.moved.entry(fan).or_insert((edge, at_ms));
    }

    /// The device that has handed the place over was let in with it. `is_well`: nothing has been wrong with an edge since a time, so
    /// that it could put back which places it had moved.
    pub(crate) fn came_in(&self, fan: usize, place: u64, is_well: impl Fn(usize, u64) -> bool) -> Option<Complaint> {
        let (edge, at_ms) = *self.moved.get(&fan)?;
        let what = format!("place {place} has moved through edge {edge}, and fan {fan}'s first device came in with it");
        is_well(edge, at_ms).then_some((Promise::OneDevice, what))
    }
}
