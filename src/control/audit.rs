//! Who changed what, when, from which value to which: one event a change, under the target `audit`.

use tracing::info;

use super::access::Caller;
use super::change::Change;

/// Writes a change down.
pub(super) fn record(caller: &Caller, room: &str, change: &Change) {
    let Change { what, before, after } = change;
    info!(target: "audit", who = caller.name, role = ?caller.role, room, what, %before, %after, "changed a room");
}
