//! A live room, as the admin API tells it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RoomName;
use crate::room::{Phase, View};

/// How a room stands. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoomState {
    /// Its name.
    pub name: String,
    /// What fans read.
    pub title: String,
    /// The phase.
    #[schema(value_type = String, example = "serving")]
    pub phase: Phase,
    /// What its draw can prove: "committed", or "committed + public beacon".
    pub draw: String,
    /// Whether the leak is paused.
    pub paused: bool,
    /// Whether it is marked as sold out.
    pub sold_out: bool,
    /// The message to everyone who waits.
    pub message: Option<String>,
    /// The room's time.
    pub now_ms: u64,
    /// When the pool opens.
    pub opens_at_ms: u64,
    /// When the draw happens and the sale starts.
    pub starts_at_ms: u64,
    /// When the sale ends.
    pub ends_at_ms: Option<u64>,
    /// People let in per minute.
    pub rate_per_minute: u32,
    /// People let in at once beyond the rate.
    pub burst: u32,
    /// Sessions that may be inside at once.
    pub max_active: u64,
    /// Entries in the roster of the draw.
    pub pool_size: u64,
    /// Places given so far.
    pub line_size: u64,
    /// Places below this number have been called.
    pub serving: u64,
    /// Fans in the line who have not been called.
    pub waiting: u64,
    /// Called, within the grace, not yet in.
    pub outstanding: u64,
    /// Sessions inside.
    pub active: u64,
    /// Let in so far.
    pub admitted: u64,
    /// Called places that were not claimed in time.
    pub expired: u64,
    /// Places given up by their fans.
    pub left: u64,
    /// Grows with every change.
    pub revision: u64,
}

impl RoomState {
    pub(super) fn new(room: &RoomName, view: &View) -> Self {
        Self {
            name: room.name.clone(),
            title: room.title.clone(),
            phase: view.phase,
            draw: view.draw.label().name().to_owned(),
            paused: view.paused,
            sold_out: view.sold_out,
            message: view.message.clone(),
            now_ms: view.now_ms,
            opens_at_ms: view.opens_at_ms,
            starts_at_ms: view.starts_at_ms,
            ends_at_ms: view.ends_at_ms,
            rate_per_minute: view.policy.rate_per_minute,
            burst: view.policy.burst,
            max_active: view.policy.max_active,
            pool_size: view.pool_size,
            line_size: view.line_size,
            serving: view.serving,
            waiting: view.line_size.saturating_sub(view.serving),
            outstanding: view.outstanding,
            active: view.active,
            admitted: view.admitted,
            expired: view.expired,
            left: view.left,
            revision: view.revision,
        }
    }
}
