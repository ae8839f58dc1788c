//! The watch of a tunnel (WebSocket) or event stream, which ends with the pass that opened it.
//!
//! Guarantees: traffic counts as use and renews the session. Release, hard end and idleness cut the connection within
//! a second ([`KillSwitch`]). A pass that is bound to a key opens nothing beyond its proof, whatever goes through meanwhile.

use std::sync::Arc;
use std::time::Duration;

use super::kill_switch::KillSwitch;
use crate::edge::context::Edge;
use crate::edge::credentials::holder::Holder;
use crate::edge::room::handle::LiveRoom;
use fairgate_core::room::RenewOutcome;

/// The interval at which a tunnel's pass is checked.
const LOOK: Duration = Duration::from_secs(1);

/// Cuts the connection when the pass ends; gives up when the connection is gone.
pub(crate) async fn watch(kill_switch: KillSwitch, edge: Arc<Edge>, room: Arc<LiveRoom>, holder: Holder) {
    let mut expires_at_ms = holder.pass.expires_at_ms;
    let proved_ms = holder.pass.bound.as_ref().map_or(u64::MAX, |bound| bound.prove_by_ms);
    let end_ms = holder.pass.hard_end_at_ms.min(proved_ms);
    while kill_switch.is_held_by_others() {
        tokio::time::sleep(LOOK).await;
        let now_ms = edge.now_ms();
        let is_closed = room.snapshot().is_some_and(|now| now.view.closed.contains_key(&holder.pass.place));
        if is_closed || now_ms >= expires_at_ms.min(end_ms) {
            return kill_switch.cut();
        }
        let is_due = expires_at_ms.saturating_sub(now_ms) < room.config.policy.session_idle_ms / 3 * 2;
        if is_due && kill_switch.take_traffic() > 0 {
            match room.renewals.ask(holder.pass.place).await {
                Ok(RenewOutcome::Renewed { expires_at_ms: later }) => expires_at_ms = later,
                Ok(RenewOutcome::Ended) => return kill_switch.cut(),
                Err(_) => {}
            }
        }
    }
}
