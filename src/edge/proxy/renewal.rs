//! The renewal of a session's lease, which goes on while the shop works.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::edge::context::Edge;
use crate::edge::room::batch::BatchError;
use crate::edge::room::handle::LiveRoom;
use fairgate_core::room::RenewOutcome;
use fairgate_token::Pass;

/// The time that an answer waits for its renewal. The next request tries again.
const RENEW_WITHIN: Duration = Duration::from_millis(250);

/// A renewal under way while the shop works.
pub(crate) struct Renewal(JoinHandle<Result<RenewOutcome, BatchError>>);

impl Renewal {
    /// Begins to renew a pass that is due.
    pub(crate) fn begin(edge: &Edge, room: &Arc<LiveRoom>, pass: &Pass) -> Option<Self> {
        if !pass.is_due(room.config.policy.session_idle_ms, edge.now_ms()) {
            return None;
        }
        let (room, place) = (Arc::clone(room), pass.place);
        Some(Self(tokio::spawn(async move { room.renewals.ask(place).await })))
    }

    /// When the session ends if it is not used, Unix ms; `None` where that is not known in time.
    pub(crate) async fn expires_at_ms(self) -> Option<u64> {
        match tokio::time::timeout(RENEW_WITHIN, self.0).await {
            Ok(Ok(Ok(RenewOutcome::Renewed { expires_at_ms }))) => Some(expires_at_ms),
            _ => None,
        }
    }
}
