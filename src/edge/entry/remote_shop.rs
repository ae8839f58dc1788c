//! A shop whose public keys are at an address of its server.
//!
//! Guarantees:
//! - the keys are asked for once an hour, and the last good ones are kept
//! - a token that does not count makes them be asked for again, once a minute, since the shop may have a new key

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use fairgate_entry::shop::{JWKS_BYTES_MAX, Shop, ShopKey, ShopKeys};
use fairgate_entry::way::{Answer, Ask, Judgement, Reason, Scene, Shown, Way, WayName};

use super::errand::{Errands, WITHIN};
use crate::bounded::read_bounded;

const HOUR_MS: u64 = 3_600_000;
const MINUTE_MS: u64 = 60_000;

/// A shop as a way, once its keys are known.
#[derive(Debug)]
pub(super) struct RemoteShop {
    name: WayName,
    issuer: String,
    url: String,
    make: Make,
    client: reqwest::Client,
    errands: Errands,
    asked_ms: Mutex<Option<u64>>,
    shop: ArcSwapOption<Shop>,
}

/// Makes the way of a shop, of its keys.
pub(super) struct Make(pub(super) Box<dyn Fn(ShopKey) -> Shop + Send + Sync>);

impl std::fmt::Debug for Make {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Make(..)")
    }
}

impl RemoteShop {
    /// A shop whose keys nobody has asked for.
    ///
    /// # Errors
    /// No client can be made.
    pub(super) fn new(name: &WayName, issuer: &str, url: &str, make: Make) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(WITHIN).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self {
            name: name.clone(),
            issuer: issuer.to_owned(),
            url: url.to_owned(),
            make,
            client,
            errands: Errands::default(),
            asked_ms: Mutex::new(None),
            shop: ArcSwapOption::empty(),
        })
    }

    /// Asks for the keys where that is due; `is_stale` says that a token did not count. Answers `true` if there are others.
    pub(super) async fn refresh(&self, is_stale: bool, now_ms: u64) -> bool {
        if !self.take_turn(is_stale, now_ms) {
            return false;
        }
        let Ok(keys) = self.errands.run(2, || self.fetch()).await else { return false };
        self.shop.store(Some(Arc::new((self.make.0)(ShopKey::Public(keys)))));
        true
    }

    fn take_turn(&self, is_stale: bool, now_ms: u64) -> bool {
        let mut asked_ms = self.asked_ms.lock().unwrap_or_else(PoisonError::into_inner);
        let pause_ms = if is_stale || self.shop.load().is_none() { MINUTE_MS } else { HOUR_MS };
        let is_due = asked_ms.is_none_or(|asked_ms| asked_ms + pause_ms <= now_ms);
        if is_due {
            *asked_ms = Some(now_ms);
        }
        is_due
    }

    async fn fetch(&self) -> Option<ShopKeys> {
        let answer = self.client.get(&self.url).send().await.ok()?;
        let body = read_bounded(answer, JWKS_BYTES_MAX).await.ok()?;
        ShopKeys::read(&body)
            .map_err(|error| tracing::warn!(way = %self.name, %error, "the shop's keys stay as they were"))
            .ok()
    }
}

impl Way for RemoteShop {
    fn name(&self) -> &WayName {
        &self.name
    }

    fn ask(&self, _scene: &Scene<'_>) -> Ask {
        Ask::Plain {}
    }

    fn issuer(&self) -> Option<&str> {
        Some(&self.issuer)
    }

    fn is_judged_at_join(&self) -> bool {
        false
    }

    fn judge(&self, shown: &Shown<'_>, scene: &Scene<'_>) -> Judgement {
        let refused = Judgement::Refused(Reason::TokenWrong);
        self.shop.load().as_ref().map_or(refused, |shop| shop.judge(shown, scene))
    }

    fn settle(&self, _answer: &Answer, _scene: &Scene<'_>) -> Judgement {
        Judgement::Refused(Reason::TokenWrong)
    }
}
