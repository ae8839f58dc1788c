//! How the provider treats a payment. The words of the payment's token say it, so that a test or a person at the
//! storefront can ask for any trouble there is. Pure.

use std::time::Duration;

use fairgate_booking::payment::SLOW;

/// The words that mean something, for `--help` and the answer to a wrong one.
pub(super) const WORDS: &str = "declined, slow, flaky, down, never, lost, early, twice, silent";

/// How a payment is treated. The default takes the money, answers at once and tells once by webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Says no.
    pub declines: bool,
    /// Waits before it takes the money.
    pub delay: Duration,
    /// Fails before any money is taken.
    pub failing: Failing,
    /// True if the call that asked is ever answered.
    pub answers: bool,
    /// True if the money is taken at all when the call is not answered.
    pub charges: bool,
    /// Copies of each webhook.
    pub webhooks: u32,
    /// Webhooks are delivered before the call is answered.
    pub webhook_first: bool,
}

/// When calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// Not at all.
    Never,
    /// The first call for a payment.
    Once,
    /// Every call.
    Always,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            declines: false,
            delay: Duration::ZERO,
            failing: Failing::Never,
            answers: true,
            charges: true,
            webhooks: 1,
            webhook_first: false,
        }
    }
}

impl Behaviour {
    /// What a token asks for: `demo-slow-twice` is slow and tells everything twice. Other words mean nothing.
    #[must_use]
    pub fn of_token(token: &str) -> Self {
        token.split('-').fold(Self::default(), |behaviour, word| behaviour.with(word).unwrap_or(behaviour))
    }

    /// Reads words joined by `-`; the first one that is not known is the error.
    ///
    /// # Errors
    /// The word.
    pub fn parse(words: &str) -> Result<Self, String> {
        let given = words.split('-').filter(|word| !word.is_empty());
        let mut behaviour = Self::default();
        for word in given {
            behaviour = behaviour
                .with(word)
                .ok_or_else(|| format!("{word:?} is not known; join some of these by -: {WORDS}"))?;
        }
        Ok(behaviour)
    }

    fn with(self, word: &str) -> Option<Self> {
        Some(match word {
            "declined" => Self { declines: true, ..self },
            "slow" => Self { delay: SLOW, ..self },
            "flaky" => Self { failing: Failing::Once, ..self },
            "down" => Self { failing: Failing::Always, ..self },
            "never" => Self { answers: false, charges: false, webhooks: 0, ..self },
            "lost" => Self { answers: false, ..self },
            "early" => Self { webhook_first: true, ..self },
            "twice" => Self { webhooks: 2, ..self },
            "silent" => Self { webhooks: 0, ..self },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_asks_for_trouble_in_words() {
        assert_eq!(Behaviour::of_token("demo-visa"), Behaviour::default());
        let asked = Behaviour::of_token("demo-slow-declined-twice");
        assert_eq!(asked, Behaviour { declines: true, delay: SLOW, webhooks: 2, ..Behaviour::default() });
        assert_eq!(Behaviour::of_token("demo-lost"), Behaviour { answers: false, ..Behaviour::default() });
    }

    #[test]
    fn a_flag_takes_known_words_only() {
        assert_eq!(Behaviour::parse(""), Ok(Behaviour::default()));
        assert_eq!(Behaviour::parse("early-twice"), Ok(Behaviour::of_token("early-twice")));
        assert!(Behaviour::parse("visa").unwrap_err().contains("declined, slow"));
    }
}
