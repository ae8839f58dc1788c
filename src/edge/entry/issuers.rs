//! Issuers of private access tokens, and their keys.
//!
//! Guarantees:
//! - a directory is asked for once an hour, and the last good one is kept
//! - a room without a key of any issuer asks nobody for a token

use std::sync::{Mutex, PoisonError};

use fairgate_entry::private_token::{DIRECTORY_BYTES_MAX, IssuerKey, PrivateTokens, read_directory};
use fairgate_entry::way::{Judgement, Scene, Shown, Way};

use super::errand::{Errands, WITHIN};
use crate::bounded::read_bounded;

const HOUR_MS: u64 = 3_600_000;
/// For so long a directory that did not answer is not asked again.
const PAUSE_MS: u64 = 60_000;

/// One issuer.
pub(crate) struct Issuer {
    way: Mutex<PrivateTokens>,
    directory: Option<Directory>,
}

struct Directory {
    url: String,
    client: reqwest::Client,
    errands: Errands,
    /// When it is to be asked next, Unix ms.
    due_ms: Mutex<u64>,
}

impl Issuer {
    /// An issuer with its keys, or with the address of its directory.
    ///
    /// # Errors
    /// No client can be made.
    pub(super) fn new(way: PrivateTokens, directory: Option<&str>) -> Result<Self, reqwest::Error> {
        let ask = |url: &str| {
            let client =
                reqwest::Client::builder().timeout(WITHIN).redirect(reqwest::redirect::Policy::none()).build()?;
            Ok(Directory { url: url.to_owned(), client, errands: Errands::default(), due_ms: Mutex::new(0) })
        };
        Ok(Self { way: Mutex::new(way), directory: directory.map(ask).transpose()? })
    }

    /// Asks for the keys again where that is due.
    pub(crate) async fn refresh(&self, now_ms: u64) {
        let Some(directory) = self.directory.as_ref().filter(|directory| directory.take_turn(now_ms)) else { return };
        if let Ok(keys) = directory.errands.run(1, || directory.ask(now_ms)).await {
            *directory.due_ms.lock().unwrap_or_else(PoisonError::into_inner) = now_ms + HOUR_MS;
            self.way.lock().unwrap_or_else(PoisonError::into_inner).keys = keys;
        }
    }

    /// The challenge for an entry, as a field's value; none while there is no key.
    pub(crate) fn challenge(&self, scene: &Scene<'_>) -> Option<String> {
        self.way().www_authenticate(scene).ok().flatten()
    }

    /// True if the value of an `Authorization` field has a token that counts for an entry.
    pub(crate) fn is_shown(&self, authorization: &str, scene: &Scene<'_>) -> bool {
        matches!(self.way().judge(&Shown::PrivateToken(authorization), scene), Judgement::Shown(_))
    }

    fn way(&self) -> PrivateTokens {
        self.way.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Directory {
    /// True if it is due; whoever hears so is the only one for a while.
    fn take_turn(&self, now_ms: u64) -> bool {
        let mut due_ms = self.due_ms.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = *due_ms <= now_ms;
        if is_due {
            *due_ms = now_ms + PAUSE_MS;
        }
        is_due
    }

    async fn ask(&self, now_ms: u64) -> Option<Vec<IssuerKey>> {
        let answer = self.client.get(&self.url).send().await.ok()?;
        let body = read_bounded(answer, DIRECTORY_BYTES_MAX).await.ok()?;
        let keys = read_directory(&body, now_ms);
        keys.map_err(|error| tracing::warn!(directory = self.url, %error, "the issuer's keys stay as they were")).ok()
    }
}
