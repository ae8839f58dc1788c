//! `POST draw/beacon`: anyone hands in the round that the draw waits for, as a relay answers it.
//!
//! A signature authenticates itself, so it does not matter who brings it. Verification takes time, so rounds are
//! checked only while one is awaited, and one at a time.

use fairgate_draw::BeaconAnswer;
use http::StatusCode;
use serde::Serialize;

use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::observe::BeaconResult;
use fairgate_core::room::{Refusal, View};
use fairgate_store::StoreError;

#[derive(Serialize)]
struct Taken {
    round: u64,
    signature: String,
}

pub(crate) async fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let answer: BeaconAnswer = serde_json::from_slice(&request.body)
        .map_err(|error| Problem::BadBody(format!("the body is no round as drand's relays answer it: {error}")))?;
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    if snapshot.view.draw.beacon_signature != Some(answer.signature) {
        take(edge, room, &snapshot.view, &answer).await?;
    }
    Ok(Answer::json(StatusCode::OK, &Taken { round: answer.round, signature: hex::encode(answer.signature.0) }))
}

async fn take(edge: &Edge, room: &LiveRoom, view: &View, answer: &BeaconAnswer) -> Result<(), Problem> {
    check_wanted(view)?;
    let busy = || Problem::Busy { retry_after_ms: edge.retry_after_ms() };
    let _one_at_a_time = room.hand_in.try_acquire().map_err(|_| busy())?;
    let command = view.reveal_with(answer).map_err(|refusal| {
        edge.metrics.observe_beacon(room.name(), BeaconResult::Forged);
        Problem::Beacon(refusal.to_string())
    })?;
    edge.metrics.observe_beacon(room.name(), BeaconResult::Verified);
    match edge.store.apply(room.name(), command).await {
        Ok(_) => tracing::info!(room = room.name(), round = answer.round, "the draw is done, with a round handed in"),
        Err(StoreError::Refused(refusal)) => return Err(Problem::Beacon(refusal.to_string())),
        Err(_) => return Err(edge.store_unavailable()),
    }
    Ok(())
}

/// Before a signature is looked at: could any be taken now?
fn check_wanted(view: &View) -> Result<(), Problem> {
    if view.awaited_round().is_some() {
        return Ok(());
    }
    let why = match view.beacon_round() {
        None => Refusal::Contradiction("the descriptor names no beacon".into()).to_string(),
        Some(_) if view.draw.seed.is_some() => "the seed is public already: the round comes too late".to_owned(),
        Some(round) => {
            format!("not now: the draw waits for round {} after its roster was frozen and seen", round.round)
        }
    };
    Err(Problem::Beacon(why))
}
