//! The rooms' time, and the clocks around it: how far they are off, and the one command that has a clock believed.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Admin;
use super::access::Caller;
use super::change::Change;
use super::make::record;
use super::problem::Problem;
use crate::config::Role;
use fairgate_problem::ProblemDetails;
use fairgate_store::StoreTime;
use fairgate_telemetry::clock::JUMP_MS;

/// The rooms' time, and the deviation of the clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClockState {
    /// The time that rooms go by, Unix ms.
    pub now_ms: u64,
    /// How far the reference clock has jumped ahead of the rooms' time (behind, where negative), where it is not accepted.
    pub jump_ms: Option<i64>,
    /// How far this machine's clock is ahead of the rooms' time (behind, where negative).
    pub skew_ms: i64,
}

impl From<StoreTime> for ClockState {
    fn from(StoreTime { now_ms, jump_ms, skew_ms }: StoreTime) -> Self {
        Self { now_ms, jump_ms, skew_ms }
    }
}

/// Show the rooms' time and the deviation of the clocks.
#[utoipa::path(get, path = "/api/v1/clock", tag = "clock", security(("token" = [])),
    responses((status = 200, body = ClockState), (status = "default", body = ProblemDetails)))]
pub(super) async fn show(State(admin): State<Admin>, _: Caller) -> Result<Json<ClockState>, Problem> {
    Ok(Json(admin.store.time().ok_or(Problem::NoClock)?.into()))
}

/// Follow the reference clock (this machine's, or Redis's) again after it was set (role sre). In a fleet one edge is enough.
/// The rooms' time never goes back: where the clock is behind, rooms wait for it.
#[utoipa::path(post, path = "/api/v1/clock/accept", tag = "clock", security(("token" = [])),
    responses((status = 200, body = ClockState), (status = "default", body = ProblemDetails)))]
pub(super) async fn accept(State(admin): State<Admin>, caller: Caller) -> Result<Json<ClockState>, Problem> {
    caller.require(Role::Sre)?;
    let before = admin.store.time().ok_or(Problem::NoClock)?;
    if let Some(jump_ms) = before.jump_ms {
        admin.store.accept_time();
        let after = json!(before.now_ms.saturating_add_signed(jump_ms));
        let change = Change { what: "now_ms".into(), before: json!(before.now_ms), after };
        for room in (admin.rooms)() {
            // The next look takes the clock over.
            admin.store.view(&room.name).await?;
            record(&admin, &caller, &room.name, std::slice::from_ref(&change), before.now_ms).await?;
        }
    }
    show(State(admin), caller).await
}

/// What is wrong with the clocks, in words; nothing where they agree.
pub(super) fn warning(time: &StoreTime) -> Option<String> {
    let jump_ms = time.jump_ms?;
    let (seconds, way) = apart(jump_ms);
    Some(format!(
        "the clock that the rooms should go by is {seconds} s {way} theirs and is not believed: put it right, or accept it with \
         `fairgate room clock --accept`"
    ))
}

/// Why an edge of a fleet should get no visitors, as far as clocks go.
pub(super) fn is_off(time: &StoreTime) -> Option<String> {
    let (seconds, way) = apart(time.skew_ms);
    let is_off = time.skew_ms.unsigned_abs() > JUMP_MS;
    is_off.then(|| format!("this machine's clock is {seconds} s {way} the store's: look after NTP"))
}

fn apart(ahead_ms: i64) -> (String, &'static str) {
    let way = if ahead_ms < 0 { "behind" } else { "ahead of" };
    (format!("{:.1}", ahead_ms.unsigned_abs() as f64 / 1_000.0), way)
}
