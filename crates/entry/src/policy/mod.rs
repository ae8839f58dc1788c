//! What a room asks of those who enter, as one value.
//!
//! Guarantee: a policy that exists makes sense: every way it names is configured, whoever enters a room with identities shows
//! one, and nobody is shut out by a script that does not run.
//!
//! What is refused names its key and the remedy.

mod check;

use std::fmt;

pub use check::{PolicyProblem, PolicyWarning};
use fairgate_draw::v2::{Method, Methods};

use crate::way::WayName;

/// Points from which on somebody is asked at the claim, unless configured.
pub const SUSPICIOUS_AT: u16 = 100;

/// What kind of way a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayKind {
    /// Proof of work. Waiting stands for it where it cannot be done.
    Work,
    /// A provider's challenge.
    Challenge,
    /// Private access tokens.
    PrivateToken,
    /// Codes; entries of the most generous campaign.
    Code {
        /// Most entries of a code, 1 to 8.
        entries_max: u8,
    },
    /// A shop's token.
    Shop,
    /// Signing in with an OpenID provider.
    Oidc {
        /// The provider's issuer.
        issuer: String,
    },
    /// A code by mail.
    Mail,
}

impl WayKind {
    /// The method that the way's identities are shown by. `None` where the way shows nobody in particular.
    #[must_use]
    pub fn method(&self) -> Option<Method> {
        match self {
            Self::Code { .. } => Some(Method::invite()),
            Self::Shop => Some(Method::enqueue_token()),
            Self::Oidc { issuer } => Method::oidc(issuer).ok(),
            Self::Mail => Some(Method::mail()),
            Self::Work | Self::Challenge | Self::PrivateToken => None,
        }
    }

    /// The words of all kinds, in the order of their numbers in a [`Refusal`](crate::book::Refusal).
    pub const WORDS: [&'static str; 7] = ["work", "challenge", "private-token", "code", "shop", "oidc", "mail"];

    /// The kind's word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Work => Self::WORDS[0],
            Self::Challenge => Self::WORDS[1],
            Self::PrivateToken => Self::WORDS[2],
            Self::Code { .. } => Self::WORDS[3],
            Self::Shop => Self::WORDS[4],
            Self::Oidc { .. } => Self::WORDS[5],
            Self::Mail => Self::WORDS[6],
        }
    }

    /// Whether it works only where scripts run.
    #[must_use]
    pub fn needs_script(&self) -> bool {
        matches!(self, Self::Work | Self::Challenge | Self::PrivateToken)
    }
}

/// What a ticket and a pass are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Binding {
    /// Whoever holds it.
    #[default]
    None,
    /// A key of the browser.
    Key,
    /// The network: a claim from elsewhere is asked as if suspicious.
    Network,
}

/// `[room.entry]` as it was written, all names still texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySettings {
    /// The ways that are configured, by name.
    pub ways: Vec<(WayName, WayKind)>,
    /// Ways whose identity makes the tag.
    pub identity: Vec<String>,
    /// One of these is shown to join.
    pub any_of: Vec<String>,
    /// All of these are shown to join.
    pub all_of: Vec<String>,
    /// One of these is shown at the claim by those whom the score asks.
    pub suspicious: Vec<String>,
    /// One of these is shown at the claim by everybody.
    pub claim: Vec<String>,
    /// What tickets and passes are bound to.
    pub binding: Binding,
    /// Points from which on somebody is asked.
    pub suspicious_at: u16,
    /// How often an entry may move to another device.
    pub moves: u8,
}

impl Default for EntrySettings {
    fn default() -> Self {
        Self {
            ways: Vec::new(),
            identity: Vec::new(),
            any_of: Vec::new(),
            all_of: Vec::new(),
            suspicious: Vec::new(),
            claim: Vec::new(),
            binding: Binding::None,
            suspicious_at: SUSPICIOUS_AT,
            moves: 1,
        }
    }
}

/// What a room asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPolicy {
    ways: Vec<(WayName, WayKind)>,
    /// Ways whose identity makes the tag, in order of their methods by bytes.
    identity: Vec<(WayName, Method)>,
    any_of: Vec<WayName>,
    all_of: Vec<WayName>,
    suspicious: Vec<WayName>,
    claim: Vec<WayName>,
    /// What tickets and passes are bound to.
    pub binding: Binding,
    /// Points from which on somebody is asked.
    pub suspicious_at: u16,
    /// How often an entry may move to another device.
    pub moves: u8,
    warnings: Vec<PolicyWarning>,
}

impl EntryPolicy {
    /// The policy of what was written.
    ///
    /// # Errors
    /// Everything that makes no sense, each with its key.
    pub fn new(settings: EntrySettings) -> Result<Self, Vec<PolicyProblem>> {
        check::check(settings)
    }

    /// The methods that vouch for identities, as the draw's descriptor has them.
    #[must_use]
    pub fn methods(&self) -> Methods {
        let methods = self.identity.iter().map(|(_, method)| method.clone()).collect();
        Methods::new(methods).expect("a policy's methods ascend")
    }

    /// The ways whose identity makes the tag, in the order of [`Self::methods`].
    pub fn identity(&self) -> impl Iterator<Item = &WayName> {
        self.identity.iter().map(|(name, _)| name)
    }

    /// One of these is shown to join; empty where none is asked for.
    #[must_use]
    pub fn any_of(&self) -> &[WayName] {
        &self.any_of
    }

    /// All of these are shown to join.
    #[must_use]
    pub fn all_of(&self) -> &[WayName] {
        &self.all_of
    }

    /// One of these is shown at the claim by the suspicious; empty where they are only counted.
    #[must_use]
    pub fn suspicious(&self) -> &[WayName] {
        &self.suspicious
    }

    /// One of these is shown at the claim by everybody; empty where nobody is asked.
    #[must_use]
    pub fn claim(&self) -> &[WayName] {
        &self.claim
    }

    /// Whether the room asks anything at all.
    #[must_use]
    pub fn asks_nothing(&self) -> bool {
        [&self.any_of, &self.all_of, &self.suspicious, &self.claim].iter().all(|ways| ways.is_empty())
    }

    /// What kind of way a name stands for.
    #[must_use]
    pub fn kind(&self, name: &WayName) -> Option<&WayKind> {
        self.ways.iter().find(|(own, _)| own == name).map(|(_, kind)| kind)
    }

    /// What is allowed and yet not what an organizer usually wants.
    #[must_use]
    pub fn warnings(&self) -> &[PolicyWarning] {
        &self.warnings
    }

    /// What a fan will meet, in a sentence or two, for `config check`.
    #[must_use]
    pub fn told(&self) -> String {
        let one_of = |ways: &[WayName]| join(ways, " or ");
        let mut told = match (&self.all_of[..], &self.any_of[..]) {
            ([], []) => "Whoever comes may enter.".to_owned(),
            (all, []) => format!("Whoever enters shows {}.", join(all, " and ")),
            ([], any) => format!("Whoever enters shows {}.", one_of(any)),
            (all, any) => format!("Whoever enters shows {}, and {}.", join(all, " and "), one_of(any)),
        };
        if !self.identity.is_empty() {
            let names: Vec<WayName> = self.identity().cloned().collect();
            told += &format!(" One identity ({}) has one entry.", one_of(&names));
        }
        if !self.claim.is_empty() {
            told += &format!(" Everybody shows {} when called.", one_of(&self.claim));
        }
        if !self.suspicious.is_empty() {
            let (ways, points) = (one_of(&self.suspicious), self.suspicious_at);
            told += &format!(" Whoever has {points} points of suspicion or more shows {ways} when called.");
        }
        told
    }
}

fn join(ways: &[WayName], word: &str) -> String {
    ways.iter().map(WayName::as_str).collect::<Vec<_>>().join(word)
}

impl fmt::Display for EntryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told())
    }
}

#[cfg(test)]
mod tests;
