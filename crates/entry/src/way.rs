//! One way to show that one is a person, and what all ways have in common.
//!
//! Guarantees:
//! - a way decides from what was shown, its own configuration and the [`Scene`]
//! - what it wants of the world it returns as an [`Errand`], which the edge runs and brings back to the same way
//!
//! What a way asks is the same for everybody, so it can stand in the public status.

use std::fmt;
use std::sync::Arc;

use fairgate_draw::v2::Identity;
use serde::Serialize;

use crate::bond::Bond;
use crate::provider::{Siteverify, SiteverifyAnswer};

/// Longest name of a way, bytes.
pub const WAY_BYTES_MAX: usize = 32;
/// As many entries as one code may be good for.
pub const ENTRIES_MAX: u8 = 8;

/// A way's name as configuration and wire have it: `work`, `turnstile`, `code`, `club`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WayName(Arc<str>);

/// Why a text is no name of a way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of a way; use 1 to {WAY_BYTES_MAX} of a-z, 0-9 and -")]
pub struct WayNameError(String);

impl WayName {
    /// The name of proof of work.
    pub const WORK: &'static str = "work";
    /// The name of codes.
    pub const CODE: &'static str = "code";
    /// The name of mail.
    pub const MAIL: &'static str = "mail";
    /// The name of waiting instead of working.
    pub const WAIT: &'static str = "wait";

    /// A name of 1 to 32 of `a-z`, `0-9` and `-`.
    ///
    /// # Errors
    /// When it is another text.
    pub fn new(text: &str) -> Result<Self, WayNameError> {
        let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > WAY_BYTES_MAX || !text.bytes().all(is_known) {
            return Err(WayNameError(text.chars().take(2 * WAY_BYTES_MAX).collect()));
        }
        Ok(Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl Serialize for WayName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a way may know of the moment.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'s> {
    /// The room's time, Unix ms.
    pub now_ms: u64,
    /// The room's name.
    pub room: &'s str,
    /// D, the digest of the draw's descriptor.
    pub draw: &'s [u8; 32],
    /// What ties all that is shown to one entry.
    pub bond: Bond,
    /// The hosts that the room is reached by, lower case.
    pub hosts: &'s [String],
    /// Tables of work that are asked of this network now.
    pub effort: u32,
}

/// What somebody shows by one way.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Shown<'a> {
    /// Solved puzzles.
    Work {
        /// The epoch that they are of.
        epoch: u32,
        /// The solutions, base64url.
        solutions: &'a str,
    },
    /// A code, as typed.
    Code(&'a str),
    /// A shop's token.
    Shop(&'a str),
    /// A note that lets somebody wait instead of working.
    Wait(&'a str),
    /// What a challenge provider's widget gave.
    Challenge(&'a str),
    /// The value of an `Authorization` field with a private access token.
    PrivateToken(&'a str),
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Work { .. } => "Work(..)",
            Self::Code(_) => "Code(..)",
            Self::Shop(_) => "Shop(..)",
            Self::Wait(_) => "Wait(..)",
            Self::Challenge(_) => "Challenge(..)",
            Self::PrivateToken(_) => "PrivateToken(..)",
        })
    }
}

/// What is known of somebody who has shown something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who it is, where the way says that.
    pub identity: Option<Identity>,
    /// The index of the tier that the way gives; `None` for the last.
    pub tier: Option<u8>,
    /// Entries that this identity is good for, 1 to [`ENTRIES_MAX`].
    pub entries: u8,
}

impl Person {
    /// Somebody who passed a check, and is nobody in particular.
    #[must_use]
    pub fn checked() -> Self {
        Self { identity: None, tier: None, entries: 1 }
    }

    /// Somebody with an identity, for one entry.
    #[must_use]
    pub fn of(identity: Identity, tier: Option<u8>) -> Self {
        Self { identity: Some(identity), tier, entries: 1 }
    }
}

/// What the page is told of a way, as a member of the status's `ways`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Ask {
    /// Solve puzzles.
    Work {
        /// The epoch.
        e: u32,
        /// The epoch's seed, hex.
        seed: String,
        /// Tables to solve.
        effort: u32,
    },
    /// Solve a provider's challenge.
    Challenge {
        /// Whose challenge it is: `turnstile`, `hcaptcha`, `recaptcha`.
        kind: &'static str,
        /// The provider's public name for the site.
        sitekey: String,
        /// What the widget is to name the action.
        action: String,
    },
    /// Go and sign in.
    SignIn {
        /// Where, a path of this host.
        url: String,
        /// What the button says.
        label: String,
    },
    /// Show what one has: there is nothing to know beforehand.
    Plain {},
}

/// What a way decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Shown, and good.
    Shown(Person),
    /// Good so far; this is missing.
    More(Ask),
    /// Shown, and not good.
    Refused(Reason),
    /// The world must be asked first.
    Errand(Errand),
}

/// What a way wants of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Errand {
    /// Ask a challenge provider whether an answer is good.
    Siteverify(Siteverify),
}

/// What the world said.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// A provider's answer, or that there was none.
    Siteverify(SiteverifyAnswer),
}

/// Why somebody is not let enter; the wire's `type` and the audit's word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A way is missing.
    EntryRequired,
    /// The puzzle is not solved.
    WorkWrong,
    /// The work is of an epoch that is over.
    WorkLate,
    /// The provider, or a private token, does not vouch.
    ChallengeFailed,
    /// The provider could not be asked.
    ChallengeUnavailable,
    /// No code that counts now.
    CodeUnknown,
    /// All entries of the code are taken.
    CodeUsed,
    /// The shop's token does not count.
    TokenWrong,
    /// The sign-in did not come to an end.
    SignInFailed,
    /// The sign-in was begun elsewhere.
    SignInMismatch,
    /// Something is owed at the claim.
    Owes,
    /// An organizer has refused this position.
    Overruled,
    /// The key is lost.
    ProveOtherwise,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::EntryRequired,
        Self::WorkWrong,
        Self::WorkLate,
        Self::ChallengeFailed,
        Self::ChallengeUnavailable,
        Self::CodeUnknown,
        Self::CodeUsed,
        Self::TokenWrong,
        Self::SignInFailed,
        Self::SignInMismatch,
        Self::Owes,
        Self::Overruled,
        Self::ProveOtherwise,
    ];

    /// The wire's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EntryRequired => "entry-required",
            Self::WorkWrong => "work-wrong",
            Self::WorkLate => "work-late",
            Self::ChallengeFailed => "challenge-failed",
            Self::ChallengeUnavailable => "challenge-unavailable",
            Self::CodeUnknown => "code-unknown",
            Self::CodeUsed => "code-used",
            Self::TokenWrong => "token-wrong",
            Self::SignInFailed => "sign-in-failed",
            Self::SignInMismatch => "sign-in-mismatch",
            Self::Owes => "owes",
            Self::ProveOtherwise => "prove-otherwise",
            Self::Overruled => "overruled",
        }
    }
}

/// One way to show that one is a person.
pub trait Way: fmt::Debug + Send + Sync {
    /// The way's name in this room.
    fn name(&self) -> &WayName;

    /// What the page is told: the same for everybody, so the scene's bond must not be in it.
    fn ask(&self, scene: &Scene<'_>) -> Ask;

    /// The issuer of the tokens that it judges, where it judges tokens.
    fn issuer(&self) -> Option<&str> {
        None
    }

    /// Whether it is cheap enough to be judged within a join. What is not is judged before, and ends in a voucher.
    fn is_judged_at_join(&self) -> bool {
        true
    }

    /// Decides about what was shown. A way that is shown something of another kind refuses it.
    fn judge(&self, shown: &Shown<'_>, scene: &Scene<'_>) -> Judgement;

    /// Decides about what an errand of this way brought back.
    fn settle(&self, answer: &Answer, scene: &Scene<'_>) -> Judgement;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for good in ["work", "a", "oidc-2", &"z".repeat(32)] {
            assert_eq!(WayName::new(good).map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "Work", "a b", "ä", "a_b", "a\0", &"z".repeat(33)] {
            assert!(WayName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_two_reasons_have_one_word() {
        let mut words = Reason::ALL.map(Reason::as_str).to_vec();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
    }

    #[test]
    fn what_is_shown_is_not_printed() {
        let shown = [Shown::Code("SECRET"), Shown::Shop("SECRET"), Shown::Work { epoch: 1, solutions: "SECRET" }];
        assert_eq!(format!("{shown:?}"), "[Code(..), Shop(..), Work(..)]");
    }

    #[test]
    fn asks_are_the_members_of_the_wire() {
        let json = |ask: &Ask| serde_json::to_string(ask).expect("JSON");
        assert_eq!(json(&Ask::Plain {}), "{}");
        let ask = Ask::Work { e: 7, seed: "00ff".into(), effort: 2 };
        assert_eq!(json(&ask), r#"{"e":7,"seed":"00ff","effort":2}"#);
    }
}
