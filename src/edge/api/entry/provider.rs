//! `POST entry/provider/{name}`: what a challenge's widget gave becomes a voucher for one entry, or for one claim.

use fairgate_entry::bond::Bond;
use fairgate_entry::provider::OnFailure;
use fairgate_entry::voucher::Voucher;
use fairgate_entry::way::Reason;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{desk, owed, voucher};
use crate::edge::api::ticket;
use crate::edge::context::Edge;
use crate::edge::entry::challenge::Outcome;
use crate::edge::entry::claim::claim_bond;
use crate::edge::entry::shown::check_length;
use crate::edge::http::answer::Answer;
use crate::edge::http::body::Sent;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;

/// Longer answers of widgets are read by no provider.
const RESPONSE_BYTES_MAX: usize = 12 * 1024;

/// The body.
#[derive(Deserialize)]
struct Solved {
    /// What the widget gave.
    response: String,
    /// The entry that it is for, base64url.
    bond: String,
}

/// Nothing could be checked, and the fan may join all the same.
#[derive(Serialize)]
struct Later {
    voucher_until_ms: Option<u64>,
    later: bool,
}

pub(super) async fn answer(
    edge: &Edge,
    room: &LiveRoom,
    name: &str,
    request: &FanRequest<'_>,
) -> Result<Answer, Problem> {
    let (desk, snapshot) = desk::open(edge, room)?;
    let challenge = desk.challenge(name).ok_or(EntryProblem::NotAsked)?;
    let Sent::Json(Solved { response, bond }) = Sent::<Solved>::read(request)? else {
        return Err(Problem::BadBody("response and bond are needed, as JSON".to_owned()));
    };
    check_length("response", Some(&response), RESPONSE_BYTES_MAX)?;
    let (bond, moment) = (desk::bond(Some(&bond))?, desk::moment(edge, &snapshot, request));
    let at = claimed(edge, room, &snapshot, request, bond);
    let scene = desk.scene_of(&moment, bond);
    let outcome = if desk.passes_challenge(&scene) { Outcome::Good } else { challenge.judge(&response, &scene).await };
    match (outcome, at) {
        (Outcome::Good, at) => {
            let (way, now_ms) = (challenge.name(), moment.now_ms);
            let made = match at {
                Some((tier, index)) => Voucher::of_claim(way, tier, index, now_ms),
                None => Voucher::of_check(way, bond, now_ms),
            };
            voucher::give(edge, room, desk, made, request)
        }
        (Outcome::Bad, _) => Err(desk
            .refused(challenge.name().clone(), Reason::ChallengeFailed, &scene, request.address)
            .into_problem()
            .into()),
        (Outcome::Away(OnFailure::Later | OnFailure::Pass), None) => {
            Ok(Answer::json(StatusCode::OK, &Later { voucher_until_ms: None, later: true }))
        }
        (Outcome::Away(_), _) => {
            Err(EntryProblem::ChallengeUnavailable { retry_after_ms: edge.retry_after_ms() }.into())
        }
        (Outcome::Full, _) => Err(Problem::Busy { retry_after_ms: edge.retry_after_ms() }),
    }
}

/// The position of the ticket that the request carries, where the bond is that of its claim.
fn claimed(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    request: &FanRequest<'_>,
    bond: Bond,
) -> Option<(u8, u64)> {
    let ticket = ticket::shown(edge, room, snapshot, request).ok()?.ticket;
    (claim_bond(&ticket.entry) == bond).then(|| owed::position(&ticket))
}
