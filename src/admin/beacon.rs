//! Handing in the public randomness that a draw waits for, where the edge itself cannot reach a relay.

use axum::Json;
use axum::extract::{Path, State};
use fairgate_draw::{BeaconAnswer, BeaconSignature};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Admin;
use super::access::Caller;
use super::body::JsonBody;
use super::change::Change;
use super::make::record;
use super::problem::Problem;
use super::rooms::{find, state};
use super::state::RoomState;
use crate::config::Role;
use fairgate_problem::ProblemDetails;

/// A drand round, as relays return it. Other members are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandedIn {
    /// The round.
    pub round: u64,
    /// Its signature: 48 bytes in lower-case hex.
    pub signature: String,
}

impl From<BeaconAnswer> for HandedIn {
    fn from(answer: BeaconAnswer) -> Self {
        Self { round: answer.round, signature: hex::encode(answer.signature.0) }
    }
}

impl HandedIn {
    fn answer(&self) -> Result<BeaconAnswer, Problem> {
        let mut signature = [0; 48];
        let unreadable = |_| Problem::Value { key: "signature", reason: "it should be 48 bytes in hex".into() };
        hex::decode_to_slice(&self.signature, &mut signature).map_err(unreadable)?;
        Ok(BeaconAnswer { round: self.round, signature: BeaconSignature(signature) })
    }
}

/// Submit the drand round that the draw waits for (role organizer). It counts only if its signature verifies.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/beacon", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name")), request_body = HandedIn,
    responses((status = 200, body = RoomState), (status = "default", body = ProblemDetails)))]
pub(super) async fn hand_in(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    JsonBody(handed_in): JsonBody<HandedIn>,
) -> Result<Json<RoomState>, Problem> {
    caller.require(Role::Organizer)?;
    let room = find(&admin, &room)?;
    let _one_at_a_time = admin.changing.lock().await;
    let view = admin.store.view(&room.name).await?;
    let command = view.reveal_with(&handed_in.answer()?)?;
    admin.store.apply(&room.name, command).await?;
    if view.draw.beacon.is_none() {
        let change = Change { what: "beacon_round".into(), before: Value::Null, after: handed_in.round.into() };
        record(&admin, &caller, &room.name, &[change], view.now_ms).await?;
    }
    Ok(Json(state(&admin, &room).await?))
}
