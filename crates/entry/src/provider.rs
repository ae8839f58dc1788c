//! Challenge providers that speak the siteverify contract: Turnstile, hCaptcha, reCAPTCHA.
//!
//! Guarantees:
//! - an answer counts for one entry only
//! - a success without a host name of this room, or with another action or other data than were asked for, counts as
//!   a failure
//! - what is our own fault or the provider's is never called the fan's
//!
//! The contract is a form that is posted and JSON that comes back with status 200. Sources: Cloudflare's "Validate the
//! token", hCaptcha's "Verify the User Response Server Side", Google's "Verifying the user's response".

mod answer;
mod memory;

use std::fmt;

pub use answer::{Fault, ProviderAnswer, SITEVERIFY_BYTES_MAX, SiteverifyAnswer};
pub use memory::{ANSWER_MS, AnswerMemory, Remembered};

use crate::bond::Bond;
use crate::way::{Answer, Ask, Errand, Judgement, Person, Reason, Scene, Shown, Way, WayName};

/// Who offers the challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    /// Cloudflare Turnstile.
    Turnstile,
    /// hCaptcha.
    Hcaptcha,
    /// Google reCAPTCHA's classic contract, v2 and v3. Enterprise's assessments are another one.
    Recaptcha,
}

impl ProviderKind {
    /// The kind that configuration names.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "turnstile" => Some(Self::Turnstile),
            "hcaptcha" => Some(Self::Hcaptcha),
            "recaptcha" => Some(Self::Recaptcha),
            _ => None,
        }
    }

    /// The kind's name, which is that of the way unless the configuration gives another.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Turnstile => "turnstile",
            Self::Hcaptcha => "hcaptcha",
            Self::Recaptcha => "recaptcha",
        }
    }

    /// Where answers are verified, unless the configuration gives another address of the contract.
    #[must_use]
    pub fn url(self) -> &'static str {
        match self {
            Self::Turnstile => "https://challenges.cloudflare.com/turnstile/v0/siteverify",
            Self::Hcaptcha => "https://api.hcaptcha.com/siteverify",
            Self::Recaptcha => "https://www.google.com/recaptcha/api/siteverify",
        }
    }

    /// The field of the page's form that the widget fills.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Turnstile => "cf-turnstile-response",
            Self::Hcaptcha => "h-captcha-response",
            Self::Recaptcha => "g-recaptcha-response",
        }
    }

    /// Longer responses are refused unread. Turnstile's bound is published; the others' is far above what they send.
    #[must_use]
    pub fn response_bytes_max(self) -> usize {
        match self {
            Self::Turnstile => 2048,
            Self::Hcaptcha | Self::Recaptcha => 16 * 1024,
        }
    }

    /// What the page's Content-Security-Policy needs beside ours: directive and sources.
    #[must_use]
    pub fn csp(self) -> &'static [(&'static str, &'static str)] {
        const HCAPTCHA: &str = "https://hcaptcha.com https://*.hcaptcha.com";
        match self {
            Self::Turnstile => &[
                ("script-src", "https://challenges.cloudflare.com"),
                ("frame-src", "https://challenges.cloudflare.com"),
            ],
            Self::Hcaptcha => {
                &[("script-src", HCAPTCHA), ("frame-src", HCAPTCHA), ("style-src", HCAPTCHA), ("connect-src", HCAPTCHA)]
            }
            Self::Recaptcha => &[
                ("script-src", "https://www.google.com/recaptcha/ https://www.gstatic.com/recaptcha/"),
                ("frame-src", "https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/"),
            ],
        }
    }
}

/// What happens while the provider cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// The fan joins, and is asked at the claim.
    #[default]
    Later,
    /// The fan is told to come again.
    Refuse,
    /// The challenge counts as shown.
    Pass,
}

/// A provider as configured. The secret is the shell's, which puts it into the form last of all.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderConfig {
    /// The way's name.
    pub name: WayName,
    /// Whose challenge it is.
    pub kind: ProviderKind,
    /// The provider's public name for this site.
    pub sitekey: String,
    /// Hosts that an answer may be from, lower case; empty for the room's.
    pub hostnames: Vec<String>,
    /// What the widget names the action.
    pub action: String,
    /// Least score that passes where there is one (reCAPTCHA v3), 0 to 1.
    pub score_min: f64,
    /// While the provider cannot be asked.
    pub on_failure: OnFailure,
}

/// A question to a provider, all but its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Siteverify {
    /// The way that asks.
    pub way: WayName,
    /// The entry that the answer will count for.
    pub bond: Bond,
    /// The fields of the form, in order; `secret` is to be added.
    pub form: Vec<(&'static str, String)>,
}

impl Siteverify {
    /// What the widget gave.
    #[must_use]
    pub fn response(&self) -> &str {
        self.form.iter().find(|(name, _)| *name == "response").map_or("", |(_, value)| value)
    }
}

impl fmt::Debug for Siteverify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Siteverify({})", self.way)
    }
}

/// A provider as a way.
#[derive(Clone, Debug)]
pub struct Provider {
    config: ProviderConfig,
}

impl Provider {
    /// The way of a provider.
    #[must_use]
    pub fn new(config: ProviderConfig) -> Self {
        Self { config }
    }

    /// As configured.
    #[must_use]
    pub fn config(&self) -> &ProviderConfig {
        &self.config
    }

    /// The question to the provider about what its widget gave for an entry; `None` where that cannot be an answer.
    #[must_use]
    pub fn question(&self, response: &str, bond: Bond) -> Option<Siteverify> {
        let kind = self.config.kind;
        let is_text = response.bytes().all(|byte| byte.is_ascii_graphic());
        if response.is_empty() || response.len() > kind.response_bytes_max() || !is_text {
            return None;
        }
        let mut form = vec![("response", response.to_owned())];
        match kind {
            ProviderKind::Turnstile => form.push(("idempotency_key", idempotency_key(response, bond))),
            ProviderKind::Hcaptcha => form.push(("sitekey", self.config.sitekey.clone())),
            ProviderKind::Recaptcha => {}
        }
        Some(Siteverify { way: self.config.name.clone(), bond, form })
    }
}

impl Way for Provider {
    fn name(&self) -> &WayName {
        &self.config.name
    }

    fn ask(&self, _scene: &Scene<'_>) -> Ask {
        let (sitekey, action) = (self.config.sitekey.clone(), self.config.action.clone());
        Ask::Challenge { kind: self.config.kind.as_str(), sitekey, action }
    }

    fn is_judged_at_join(&self) -> bool {
        false
    }

    fn judge(&self, shown: &Shown<'_>, scene: &Scene<'_>) -> Judgement {
        let Shown::Challenge(response) = shown else { return Judgement::Refused(Reason::ChallengeFailed) };
        match self.question(response, scene.bond) {
            Some(question) => Judgement::Errand(Errand::Siteverify(question)),
            None => Judgement::Refused(Reason::ChallengeFailed),
        }
    }

    fn settle(&self, answer: &Answer, scene: &Scene<'_>) -> Judgement {
        let Answer::Siteverify(answer) = answer;
        match answer.judge(&self.config, &scene.bond, scene.hosts) {
            Ok(()) => Judgement::Shown(Person::checked()),
            Err(Fault::Fan) => Judgement::Refused(Reason::ChallengeFailed),
            Err(Fault::Ours | Fault::Theirs) => Judgement::Refused(Reason::ChallengeUnavailable),
        }
    }
}

/// A UUID (RFC 9562, version 8) that follows from response and bond, so that the one retry has the same.
fn idempotency_key(response: &str, bond: Bond) -> String {
    let hash = crate::tagged("fairgate/v2/idempotency", &[bond.bytes(), response.as_bytes()]);
    let mut uuid: [u8; 16] = crate::keys::first(&hash);
    uuid[6] = uuid[6] & 0x0f | 0x80;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    let text = hex::encode(uuid);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

#[cfg(test)]
mod tests;
