//! What a provider said, and whose fault it is when that is no success.

use serde::Deserialize;

use super::{ProviderConfig, ProviderKind};
use crate::bond::Bond;

/// Longer answers are failures of the provider.
pub const SITEVERIFY_BYTES_MAX: usize = 16 * 1024;

/// Whose fault it is that a challenge does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Our secret or sitekey is wrong: nobody can pass until the configuration is mended.
    Ours,
    /// The provider does not answer as its contract says: worth one retry.
    Theirs,
    /// The response is wrong, spent, late, or for something else: the fan is asked again.
    Fan,
}

/// What came of asking a provider.
#[derive(Clone, Debug)]
pub enum SiteverifyAnswer {
    /// The provider answered in the form of its contract.
    Answered(ProviderAnswer),
    /// The provider did not answer so: no connection, no answer in time, another status, another form.
    Failed,
}

/// The members of an answer that are looked at.
#[derive(Clone, Debug, Deserialize)]
pub struct ProviderAnswer {
    /// Whether the response is good.
    pub success: bool,
    /// The host whose page had the widget.
    #[serde(default)]
    pub hostname: Option<String>,
    /// The action that the widget was given.
    #[serde(default)]
    pub action: Option<String>,
    /// The data that the widget was given.
    #[serde(default)]
    pub cdata: Option<String>,
    /// How much like a person it was, 0 to 1 (reCAPTCHA v3).
    #[serde(default)]
    pub score: Option<f64>,
    /// Why it is not good.
    #[serde(default, rename = "error-codes")]
    pub error_codes: Vec<String>,
}

impl SiteverifyAnswer {
    /// Reads an answer. The status is HTTP's.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> Self {
        if body.len() > SITEVERIFY_BYTES_MAX {
            return Self::Failed;
        }
        let Ok(answer) = serde_json::from_slice::<ProviderAnswer>(body) else { return Self::Failed };
        // Some codes of ours come with a status of their own; nothing else counts without 200.
        if status == 200 || (status < 500 && !answer.success && answer.names(OURS)) {
            Self::Answered(answer)
        } else {
            Self::Failed
        }
    }

    /// Decides whether the challenge counts for an entry.
    ///
    /// # Errors
    /// Whose fault it is that it does not.
    pub fn judge(&self, config: &ProviderConfig, bond: &Bond, hosts: &[String]) -> Result<(), Fault> {
        let Self::Answered(answer) = self else { return Err(Fault::Theirs) };
        if !answer.success {
            return Err(answer.fault());
        }
        let hosts = if config.hostnames.is_empty() { hosts } else { &config.hostnames };
        let is_here =
            answer.hostname.as_ref().is_some_and(|host| hosts.iter().any(|own| own.eq_ignore_ascii_case(host)));
        if !is_here || !answer.is_bound(config, bond) {
            return Err(Fault::Fan);
        }
        Ok(())
    }
}

/// Codes that say that our configuration is wrong.
const OURS: &[&str] =
    &["missing-input-secret", "invalid-input-secret", "sitekey-secret-mismatch", "bad-request", "invalid-keys"];

/// Codes that say that the provider has a fault.
const THEIRS: &[&str] = &["internal-error"];

impl ProviderAnswer {
    fn names(&self, codes: &[&str]) -> bool {
        self.error_codes.iter().any(|code| codes.contains(&code.as_str()))
    }

    /// A code that is not known, or none at all, is the fan's: a fan can ask again, and nobody else needs to.
    fn fault(&self) -> Fault {
        if self.names(OURS) {
            Fault::Ours
        } else if self.names(THEIRS) {
            Fault::Theirs
        } else {
            Fault::Fan
        }
    }

    fn is_bound(&self, config: &ProviderConfig, bond: &Bond) -> bool {
        let is_action = self.action.as_deref() == Some(config.action.as_str());
        match config.kind {
            ProviderKind::Turnstile => is_action && self.cdata.as_deref() == Some(bond.to_base64url().as_str()),
            // Nothing that we hand to the widget comes back: the voucher carries the bond of the request.
            ProviderKind::Hcaptcha => true,
            // v2 has neither score nor action; v3 has both.
            ProviderKind::Recaptcha => match self.score {
                Some(score) => is_action && score >= config.score_min,
                None => self.action.is_none(),
            },
        }
    }
}
