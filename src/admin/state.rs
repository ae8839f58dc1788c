//! A live room, as the admin API tells it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RoomName;
use super::precondition::ControlsTag;
use fairgate_core::room::{Announced, Limit, Mode, Phase, View};
use fairgate_store::StoreTime;

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
    /// What its draw can prove by its rules. "committed": whoever knows the secret could aim the draw before the
    /// freeze. "committed + public beacon": nobody could, if the roster was frozen before the round.
    pub draw: String,
    /// True if admission is paused.
    pub paused: bool,
    /// True if no more fans are called, while called fans may come in.
    pub draining: bool,
    /// True if the room is marked as sold out.
    pub sold_out: bool,
    /// True if the shop says that nothing is left.
    pub out_of_stock: bool,
    /// How rate and sessions are steered: `fixed`, or `adaptive` by the health of the shop.
    #[schema(value_type = String, example = "adaptive")]
    pub mode: Mode,
    /// In `adaptive`: the 99th percentile of the shop's response time to aim for, ms.
    pub target_ms: u64,
    /// What limits admission at this moment; null before it runs.
    #[schema(value_type = Option<String>, example = "queue_wait")]
    pub limit: Option<Limit>,
    /// Fans admitted per minute at most at this moment; 0 while admission is braked.
    pub rate_now_per_minute: u32,
    /// Sessions that may be inside at this moment.
    pub max_active_now: u64,
    /// The message to every waiting fan.
    pub message: Option<String>,
    /// The room's time.
    pub now_ms: u64,
    /// When the pool opens.
    pub opens_at_ms: u64,
    /// When the draw happens and the sale starts.
    pub starts_at_ms: u64,
    /// When the sale ends.
    pub ends_at_ms: Option<u64>,
    /// Fans admitted per minute.
    pub rate_per_minute: u32,
    /// Fans who may be admitted at once beyond the rate.
    pub burst: u32,
    /// The limit on sessions inside the shop at the same time.
    pub max_active: u64,
    /// Entries in the roster of the draw.
    pub pool_size: u64,
    /// Places given so far.
    pub line_size: u64,
    /// Places below this number have been called.
    pub serving: u64,
    /// Fans in the line who have not been called.
    pub waiting: u64,
    /// Fans who were called, are within their grace period, and are not yet in.
    pub outstanding: u64,
    /// Sessions inside.
    pub active: u64,
    /// How many of the called fans are expected to come.
    pub expected: u64,
    /// How many of a thousand recently called places nobody came for.
    pub no_show_permille: u32,
    /// Fans called beyond the rate on request (`let_in`), including those still to be called.
    pub let_in: u64,
    /// Fans who came after their grace period and were admitted.
    pub honoured: u64,
    /// Fans admitted so far.
    pub admitted: u64,
    /// Called places that were not claimed in time.
    pub expired: u64,
    /// Places given up by their fans.
    pub left: u64,
    /// How far the reference clock has jumped ahead of the rooms' time (behind, where negative), where it is not accepted.
    #[serde(default)]
    pub clock_jump_ms: Option<i64>,
    /// How far this machine's clock is ahead of the rooms' time (behind, where negative).
    #[serde(default)]
    pub clock_skew_ms: Option<i64>,
    /// Grows with every change.
    pub revision: u64,
    /// The state of what people set, as in the `ETag`: another one after each change of it.
    #[serde(default)]
    pub controls: String,
    /// The next sale of the room, once its draw is prepared; null where there is none.
    #[serde(default)]
    pub next: Option<NextSaleState>,
}

/// A sale that is still to begin, and what its draw is committed to already. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextSaleState {
    /// When its pool opens.
    pub opens_at_ms: u64,
    /// When its draw happens and it starts.
    pub starts_at_ms: u64,
    /// The digest of its draw's descriptor, in hex.
    pub descriptor_digest: String,
    /// The commitment to its draw's secret, in hex.
    pub commitment: String,
}

impl NextSaleState {
    fn new(next: &Announced) -> Self {
        Self {
            opens_at_ms: next.opens_at_ms,
            starts_at_ms: next.starts_at_ms,
            descriptor_digest: hex::encode(next.draw.descriptor_digest),
            commitment: hex::encode(next.draw.commitment),
        }
    }
}

impl RoomState {
    pub(super) fn new(room: &RoomName, view: &View, next: Option<&Announced>, time: Option<StoreTime>) -> Self {
        Self {
            name: room.name.clone(),
            title: room.title.clone(),
            phase: view.phase,
            draw: view.draw.label().name().to_owned(),
            paused: view.paused,
            draining: view.draining,
            sold_out: view.sold_out,
            out_of_stock: view.out_of_stock,
            mode: view.policy.mode,
            target_ms: view.policy.target_ms,
            limit: view.limit,
            rate_now_per_minute: view.rate_per_minute,
            max_active_now: view.max_active,
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
            expected: view.expected,
            no_show_permille: view.no_show_permille,
            let_in: view.let_in,
            honoured: view.honoured,
            admitted: view.admitted,
            expired: view.expired,
            left: view.left,
            clock_jump_ms: time.and_then(|time| time.jump_ms),
            clock_skew_ms: time.map(|time| time.skew_ms),
            revision: view.revision,
            controls: ControlsTag::of(view).to_string(),
            next: next.map(NextSaleState::new),
        }
    }
}
