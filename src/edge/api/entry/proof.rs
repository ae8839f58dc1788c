//! The proof that a call comes from whoever has the key that a ticket or a pass names (RFC 9449).
//!
//! Guarantees:
//! - a proof counts for one call, at the address by which the fan came, and for one token
//! - what a proof is dated by comes with every answer to such a call, so that nobody has to ask for it

use fairgate_entry::binding::{ProofError, ProofOf, Thumbprint, verify_proof};
use fairgate_entry::policy::Binding;
use http::header::{HeaderName, HeaderValue};

use crate::edge::context::Edge;
use crate::edge::entry::desk::Desk;
use crate::edge::http::answer::Answer;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;
use crate::observe::ProofOutcome;

const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The call that a proof is shown with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::edge::api) enum ProvedCall {
    Claim,
    Leave,
    Renew,
    Move,
    MoveAccept,
    MoveConfirm,
}

impl ProvedCall {
    fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Leave => "leave",
            Self::Renew => "renew",
            Self::Move => "move",
            Self::MoveAccept => "accept",
            Self::MoveConfirm => "confirm",
        }
    }
}

/// The desk of a room that binds tickets and passes to a key.
pub(in crate::edge::api) fn binding_desk(room: &LiveRoom) -> Option<&Desk> {
    room.entry.as_ref().filter(|desk| desk.policy.binding == Binding::Key)
}

/// True if a request shows a proof, good or not.
pub(super) fn is_shown(request: &FanRequest<'_>) -> bool {
    request.headers.contains_key(DPOP)
}

/// Checks the proof of a call for a token that names this key.
///
/// # Errors
/// There is none, or it does not count.
pub(in crate::edge::api) fn check(
    edge: &Edge,
    desk: &Desk,
    snapshot: &Snapshot,
    request: &FanRequest<'_>,
    (call, token, key): (ProvedCall, &str, &Thumbprint),
) -> Result<(), ProofError> {
    let mut shown = request.headers.get_all(DPOP).iter();
    let judged = match (shown.next(), shown.next()) {
        (None, _) => Err(ProofError::UseNonce),
        (Some(_), Some(_)) => Err(ProofError::Malformed),
        (Some(proof), None) => {
            let address = request.address_of_call();
            let of = ProofOf { method: request.method.as_str(), address: &address, token, key };
            let nonces = desk.proof_nonces(&snapshot.view.draw.descriptor_digest);
            let proof = proof.to_str().map_err(|_| ProofError::Malformed);
            proof.and_then(|proof| verify_proof(proof, &of, &nonces, edge.now_ms()))
        }
    };
    let outcome = match (judged, is_shown(request)) {
        (Ok(()), _) => ProofOutcome::Good,
        (Err(_), false) => ProofOutcome::Missing,
        (Err(ProofError::UseNonce), true) => ProofOutcome::Late,
        (Err(_), true) => ProofOutcome::Wrong,
    };
    desk.metrics.observe_proof(call.as_str(), outcome);
    judged
}

/// How a proof that does not count is told. `ath` is the token's hash, for scripts that may not read the token.
pub(in crate::edge::api) fn problem(error: ProofError, ath: Option<String>) -> Problem {
    match error {
        ProofError::UseNonce => EntryProblem::UseProofNonce { ath }.into(),
        error => EntryProblem::ProofWrong(error).into(),
    }
}

/// The answer with what the next proof is dated by, in a room that binds tickets and passes to a key.
pub(in crate::edge::api) fn with_nonce(edge: &Edge, room: &LiveRoom, answer: Answer) -> Answer {
    let (Some(desk), Some(snapshot)) = (binding_desk(room), room.snapshot()) else { return answer };
    let nonce = desk.proof_nonces(&snapshot.view.draw.descriptor_digest).now(edge.now_ms());
    match HeaderValue::from_str(&nonce) {
        Ok(nonce) => answer.header(DPOP_NONCE, nonce),
        Err(_) => answer,
    }
}
