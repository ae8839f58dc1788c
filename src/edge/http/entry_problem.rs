//! Problems of those who show who they are: what is missing, what does not count, and what is owed.
//!
//! Guarantees:
//! - a refusal says which way it is about, and never how close it was
//! - nothing here is about a ticket, so nothing here ends one

use fairgate_entry::binding::ProofError;
use fairgate_entry::reference::Reference;
use fairgate_entry::way::{Reason, WayName};
use http::StatusCode;
use serde::Serialize;

/// Why somebody does not enter yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum EntryProblem {
    /// A way is missing.
    Required(Missing),
    /// The work is too little for the network that it comes from.
    MoreWork(MoreWork),
    /// The work is of a minute that is over.
    WorkLate,
    /// The work is not right.
    WorkWrong(Refused),
    /// The challenge does not count.
    ChallengeFailed(Refused),
    /// The provider cannot be asked.
    ChallengeUnavailable {
        /// When to ask again, ms.
        retry_after_ms: u64,
    },
    /// No code that counts now.
    CodeUnknown(Refused),
    /// All entries of the code are taken.
    CodeUsed(Refused),
    /// The same, before anybody knows the fan's reference.
    CodeTaken,
    /// The shop's token does not count.
    TokenWrong(Refused),
    /// Something is owed at the claim.
    Owes(Owes),
    /// An organizer does not let the position in.
    Overruled(Reference),
    /// The sign-in, or the code by mail, did not come to an end; and whether another try may.
    SignInFailed(Refused, bool),
    /// The sign-in was begun elsewhere.
    SignInMismatch,
    /// Nobody can be sent to sign in just now.
    SignInBusy {
        /// When to ask again, ms.
        retry_after_ms: u64,
    },
    /// No mail can be sent just now.
    MailBusy {
        /// When to ask again, ms.
        retry_after_ms: u64,
    },
    /// The key's proof is missing, or of a minute that is over.
    UseProofNonce {
        /// The hash of a pass that scripts may not read, for the proof to name.
        ath: Option<String>,
    },
    /// The key's proof does not count.
    ProofWrong(ProofError),
    /// The pass opens nothing before its key was proved again.
    Prove,
    /// The key is lost, and the claim shows nothing else.
    ProveOtherwise(ProveOtherwise),
    /// The place is another browser's.
    Moved {
        /// Since when, Unix ms.
        since_ms: u64,
    },
    /// There is no such offer of a place, or it has ended.
    OfferUnknown,
    /// Another device has accepted the offer.
    OfferTaken,
    /// No device has accepted the offer yet.
    NotAccepted,
    /// The devices show different numbers.
    NumberWrong,
    /// The place has moved as often as it may.
    MoveSpent,
    /// Too many places are offered just now.
    MovesBusy {
        /// When to ask again, ms.
        retry_after_ms: u64,
    },
    /// The network has made or guessed as many offers as it may.
    TooOften {
        /// When to ask again, ms.
        retry_after_ms: u64,
    },
    /// The room asks nothing of the kind.
    NotAsked,
}

/// How a claim without the key may show whose it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ProveOtherwise {
    /// Ways that show it, besides the keepsake; none where only an organizer can help.
    pub(crate) ways: Vec<WayName>,
    /// What the fan quotes.
    #[serde(serialize_with = "spelled")]
    pub(crate) reference: Reference,
}

/// What is owed at a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Owes {
    /// One of these settles it.
    pub(crate) ways: Vec<WayName>,
    /// Until when, Unix ms; the page knows when its place was called, and an edge does not.
    pub(crate) until_ms: Option<u64>,
    /// What the fan quotes.
    #[serde(serialize_with = "spelled")]
    pub(crate) reference: Reference,
    /// Why, in words for programs.
    pub(crate) reasons: Vec<String>,
    /// What a check for this claim is made for, base64url.
    pub(crate) bond: String,
}

fn spelled<S: serde::Serializer>(reference: &Reference, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(reference)
}

/// What is missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Missing {
    /// One of these, where none was shown.
    pub(crate) any_of: Vec<WayName>,
    /// All that the room asks to be shown.
    pub(crate) all_of: Vec<WayName>,
    /// Those of them that were not shown.
    pub(crate) missing: Vec<WayName>,
    /// How to wait instead, where work is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wait: Option<Note>,
}

/// More work of the same puzzle.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MoreWork {
    /// Tables to solve, in all.
    pub(crate) effort: u32,
    /// The epoch.
    pub(crate) e: u32,
    /// The epoch's seed, hex.
    pub(crate) seed: String,
    /// How to wait instead.
    pub(crate) wait: Note,
}

/// A note that lets somebody wait instead of working.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Note {
    /// What is to be shown.
    pub(crate) note: String,
    /// From when on it is good, Unix ms.
    pub(crate) not_before_ms: u64,
}

/// Something was shown, and does not count.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refused {
    /// By which way.
    pub(crate) way: WayName,
    /// Why.
    pub(crate) reason: Reason,
    /// What the fan quotes, and an organizer finds the reason by.
    pub(crate) reference: Reference,
}

#[derive(Serialize)]
struct Told<'p> {
    way: &'p WayName,
    reason: &'static str,
    reference: String,
    retry: bool,
}

/// What is told of a place that an organizer does not let in.
#[derive(Serialize)]
struct OverruledTold {
    reason: &'static str,
    reference: String,
    retry: bool,
}

impl OverruledTold {
    fn of(reference: &Reference) -> Self {
        Self { reason: Reason::Overruled.as_str(), reference: reference.to_string(), retry: false }
    }
}

impl Refused {
    /// The problem of its kind.
    pub(crate) fn into_problem(self) -> EntryProblem {
        match self.reason {
            Reason::WorkLate => EntryProblem::WorkLate,
            Reason::WorkWrong => EntryProblem::WorkWrong(self),
            Reason::CodeUnknown => EntryProblem::CodeUnknown(self),
            Reason::CodeUsed => EntryProblem::CodeUsed(self),
            Reason::TokenWrong => EntryProblem::TokenWrong(self),
            _ => EntryProblem::ChallengeFailed(self),
        }
    }
}

impl EntryProblem {
    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Required(_) | Self::MoreWork(_) => StatusCode::PRECONDITION_REQUIRED,
            Self::WorkLate | Self::SignInMismatch | Self::Moved { .. } => StatusCode::CONFLICT,
            Self::UseProofNonce { .. } | Self::ProofWrong(_) | Self::Prove => StatusCode::UNAUTHORIZED,
            Self::ProveOtherwise(_) => StatusCode::FORBIDDEN,
            Self::WorkWrong(_) | Self::ChallengeFailed(_) | Self::SignInFailed(..) => StatusCode::FORBIDDEN,
            Self::CodeUnknown(_) | Self::TokenWrong(_) | Self::Owes(_) | Self::Overruled(_) => StatusCode::FORBIDDEN,
            Self::CodeUsed(_) | Self::CodeTaken => StatusCode::GONE,
            Self::NotAsked | Self::OfferUnknown => StatusCode::NOT_FOUND,
            Self::OfferTaken | Self::NotAccepted => StatusCode::CONFLICT,
            Self::NumberWrong | Self::MoveSpent => StatusCode::FORBIDDEN,
            Self::MovesBusy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooOften { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::ChallengeUnavailable { .. } | Self::MailBusy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::SignInBusy { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The kind, and its title.
    pub(crate) fn slug_and_title(&self) -> (&'static str, &'static str) {
        match self {
            Self::Required(_) => ("entry-required", "Something has to be shown"),
            Self::MoreWork(_) => ("more-work", "More work is asked"),
            Self::WorkLate => ("work-late", "The work is too late"),
            Self::WorkWrong(_) => ("work-wrong", "The work is not right"),
            Self::ChallengeFailed(_) => ("challenge-failed", "The challenge does not count"),
            Self::ChallengeUnavailable { .. } => ("challenge-unavailable", "The challenge cannot be checked"),
            Self::CodeUnknown(_) => ("code-unknown", "The code is not known"),
            Self::CodeUsed(_) | Self::CodeTaken => ("code-used", "The code is used up"),
            Self::TokenWrong(_) => ("token-wrong", "The token does not count"),
            Self::Owes(_) => ("owes", "Something is owed before the claim"),
            Self::Overruled(_) => ("overruled", "The organizer does not let this place in"),
            Self::SignInFailed(..) => ("sign-in-failed", "The sign-in failed"),
            Self::SignInMismatch => ("sign-in-mismatch", "The sign-in was begun elsewhere"),
            Self::SignInBusy { .. } => ("sign-in-busy", "Nobody can sign in just now"),
            Self::MailBusy { .. } => ("mail-busy", "No mail can be sent just now"),
            Self::UseProofNonce { .. } => ("use-proof-nonce", "The key has to be proved"),
            Self::ProofWrong(_) => ("proof-wrong", "The proof does not count"),
            Self::Prove => ("prove", "The visit has to be confirmed"),
            Self::ProveOtherwise(_) => ("prove-otherwise", "The key is lost"),
            Self::Moved { .. } => ("moved", "The place is elsewhere"),
            Self::OfferUnknown => ("offer-unknown", "There is no such offer"),
            Self::OfferTaken => ("offer-taken", "Another device has accepted"),
            Self::NotAccepted => ("not-accepted", "No device has accepted"),
            Self::NumberWrong => ("number-wrong", "The numbers differ"),
            Self::MoveSpent => ("move-spent", "The place may not move again"),
            Self::MovesBusy { .. } => ("moves-busy", "No place can be offered just now"),
            Self::TooOften { .. } => ("too-many-requests", "Too many requests"),
            Self::NotAsked => ("not-asked", "The room does not ask that"),
        }
    }

    /// What happened, and what to do.
    pub(crate) fn detail(&self) -> &'static str {
        match self {
            Self::UseProofNonce { .. } => "prove the key, with the nonce in `DPoP-Nonce`; nothing is lost",
            Self::ProofWrong(_) => "the key's proof does not count; sign again, by what `reason` says",
            Self::Prove => "the pass is bound to a key; prove it at `renew`, and ask again",
            Self::ProveOtherwise(_) => {
                "your place is kept; show the keepsake or one of these ways, and name a key in `jkt`"
            }
            Self::Moved { .. } => "the place was moved to another browser, and is claimed from there",
            Self::Required(_) => "the room asks something of those who enter; show it, and join again",
            Self::MoreWork(_) => "many have entered from this network; solve more tables of the same puzzle",
            Self::WorkLate => "the minute of the work is over; solve the puzzle of this one",
            Self::WorkWrong(_) => "the work is no solution for this entry; solve the puzzle again",
            Self::ChallengeFailed(_) => "the challenge was not solved for this entry; solve a new one",
            Self::ChallengeUnavailable { .. } => "the challenge's provider cannot be asked just now; ask again",
            Self::CodeUnknown(_) => "this is no code that counts here and now; look for a typing error",
            Self::CodeUsed(_) | Self::CodeTaken => "all entries of this code are taken; use another code",
            Self::TokenWrong(_) => "the shop's token does not count here and now; get a new one from the shop",
            Self::Overruled(_) => "the organizer has decided so; quote the number to ask why",
            Self::Owes(_) => "your place is kept; show one of these ways, and claim again",
            Self::SignInFailed(..) => "what was typed or brought back does not count; try again, or begin anew",
            Self::SignInMismatch => "this browser has begun no sign-in, or too long ago; begin anew",
            Self::SignInBusy { .. } => "many are signing in at once, or the provider does not answer; ask again",
            Self::MailBusy { .. } => "many are asking for a mail at once; ask again",
            Self::OfferUnknown => {
                "no place is offered so, or no longer; make a new offer on the device that has the place"
            }
            Self::OfferTaken => {
                "another device has accepted this offer; make a new one on the device that has the place"
            }
            Self::NotAccepted => "no device has accepted the offer yet; open it on the other device",
            Self::NumberWrong => "the other device shows another number, so the offer has ended; make a new one",
            Self::MoveSpent => "the place has moved to another device as often as the room allows; it is kept here",
            Self::MovesBusy { .. } => "many places are offered to other devices just now; ask again",
            Self::TooOften { .. } => "your network has asked for this as often as it may; ask again later",
            Self::NotAsked => "the room asks nothing of this kind; `status` says what it asks",
        }
    }

    /// `WWW-Authenticate`, where a key is to be proved.
    pub(crate) fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::UseProofNonce { .. } => Some(r#"DPoP error="use_dpop_nonce", algs="ES256""#),
            Self::ProofWrong(_) => Some(r#"DPoP error="invalid_dpop_proof", algs="ES256""#),
            Self::Prove => Some(r#"DPoP error="invalid_token", algs="ES256""#),
            _ => None,
        }
    }

    /// When to ask again, ms.
    pub(crate) fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::ChallengeUnavailable { retry_after_ms }
            | Self::MailBusy { retry_after_ms }
            | Self::MovesBusy { retry_after_ms }
            | Self::TooOften { retry_after_ms }
            | Self::SignInBusy { retry_after_ms } => Some(*retry_after_ms),
            _ => None,
        }
    }

    /// The members of its own, in order.
    pub(crate) fn members(&self) -> serde_json::Map<String, serde_json::Value> {
        let members = match self {
            Self::Required(missing) => serde_json::to_value(missing),
            Self::MoreWork(more) => serde_json::to_value(more),
            Self::Owes(owes) => serde_json::to_value(owes),
            Self::Overruled(reference) => serde_json::to_value(OverruledTold::of(reference)),
            Self::ProveOtherwise(asked) => serde_json::to_value(asked),
            Self::ProofWrong(error) => Ok(serde_json::json!({ "reason": error.to_string() })),
            Self::UseProofNonce { ath: Some(ath) } => Ok(serde_json::json!({ "ath": ath })),
            Self::Moved { since_ms } => Ok(serde_json::json!({ "since_ms": since_ms })),
            Self::CodeUsed(refused) => serde_json::to_value(refused.told(false)),
            Self::SignInFailed(refused, retry) => serde_json::to_value(refused.told(*retry)),
            Self::WorkWrong(refused)
            | Self::ChallengeFailed(refused)
            | Self::CodeUnknown(refused)
            | Self::TokenWrong(refused) => serde_json::to_value(refused.told(true)),
            _ => Ok(serde_json::Value::Null),
        };
        match members {
            Ok(serde_json::Value::Object(members)) => members,
            _ => serde_json::Map::new(),
        }
    }
}

impl Refused {
    fn told(&self, retry: bool) -> Told<'_> {
        Told { way: &self.way, reason: self.reason.as_str(), reference: self.reference.to_string(), retry }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_way_and_a_reference_and_nothing_else() {
        let way = WayName::new("code").unwrap();
        let refused = Refused { way, reason: Reason::CodeUnknown, reference: Reference::from_bytes([0; 5]) };
        let problem = refused.into_problem();
        assert_eq!((problem.status().as_u16(), problem.slug_and_title().0), (403, "code-unknown"));
        let expected = serde_json::json!(
            {"way": "code", "reason": "code-unknown", "reference": "FG-000000000", "retry": true});
        assert_eq!(serde_json::Value::Object(problem.members()), expected);
    }

    #[test]
    fn each_reason_is_the_problem_of_its_name() {
        let way = || WayName::new("work").unwrap();
        for reason in
            [Reason::WorkWrong, Reason::WorkLate, Reason::CodeUsed, Reason::TokenWrong, Reason::ChallengeFailed]
        {
            let refused = Refused { way: way(), reason, reference: Reference::from_bytes([1; 5]) };
            assert_eq!(refused.into_problem().slug_and_title().0, reason.as_str());
        }
    }
}
