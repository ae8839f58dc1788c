//! One request to one relay, bounded in time and size.

use std::time::Duration;

use fairgate_draw::{BeaconAnswer, BeaconError, BeaconRound};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

use crate::bounded::{Unread, read_bounded};
use crate::config::Relay;
use crate::observe::BeaconResult;

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A round is some 300 bytes of JSON.
const ANSWER_BYTES_MAX: usize = 4096;

/// Why a relay's answer is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// No answer in time.
    #[error("it does not answer: {0}")]
    Unreachable(reqwest::Error),
    /// The relay does not have the round, or not yet.
    #[error("it does not have the round (yet): it answers {0}")]
    NotThere(StatusCode),
    /// Not a round in JSON.
    #[error("it answers something that is no round: {0}")]
    Malformed(String),
    /// Another round, or one that its makers did not sign.
    #[error(transparent)]
    Refused(#[from] BeaconError),
}

/// Asks relays.
#[derive(Clone, Debug)]
pub(super) struct RelayClient(Client);

impl RelayClient {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let client = Client::builder().connect_timeout(CONNECT_WITHIN).timeout(ANSWER_WITHIN).redirect(Policy::none());
        Ok(Self(client.build()?))
    }

    /// Asks a relay for a round, and believes nothing of the answer but what is signed.
    pub(super) async fn ask(&self, relay: &Relay, round: &BeaconRound) -> Result<BeaconAnswer, Unusable> {
        let answer = self.0.get(relay.url(round.round)).send().await.map_err(Unusable::Unreachable)?;
        if answer.status() != StatusCode::OK {
            return Err(Unusable::NotThere(answer.status()));
        }
        let body = read_bounded(answer, ANSWER_BYTES_MAX).await?;
        let answer: BeaconAnswer =
            serde_json::from_slice(&body).map_err(|error| Unusable::Malformed(error.to_string()))?;
        round.accept(&answer)?;
        Ok(answer)
    }
}

impl From<Unread> for Unusable {
    fn from(why: Unread) -> Self {
        match why {
            Unread::Broken(error) => Self::Unreachable(error),
            Unread::TooLong(_) => Self::Malformed(why.to_string()),
        }
    }
}

impl Unusable {
    /// The label under which it is counted.
    pub(crate) fn result(&self) -> BeaconResult {
        match self {
            Self::Unreachable(_) => BeaconResult::Unreachable,
            Self::NotThere(_) => BeaconResult::NotThere,
            Self::Malformed(_) => BeaconResult::Malformed,
            Self::Refused(BeaconError::OtherRound { .. }) => BeaconResult::OtherRound,
            Self::Refused(_) => BeaconResult::Forged,
        }
    }
}
