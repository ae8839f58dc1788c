//! What is asked of an OpenID provider: its metadata, its keys, and the exchange of a code for an ID token.
//!
//! Guarantees:
//! - metadata and keys are asked for once an hour, and kept for a day where the provider is away
//! - an unknown key makes the keys be asked for again at once, and then once a minute
//! - what is asked is bounded in number, time and size, and no redirect is followed

use std::sync::{Arc, Mutex, PoisonError};

use fairgate_entry::shop::ShopKeys;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::errand::{Errands, NotRun, WITHIN};
use crate::bounded::read_bounded;
use fairgate_telemetry::secret::Secret;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const MINUTE_MS: u64 = 60_000;
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// A provider, as it is asked.
#[derive(Debug)]
pub(super) struct ProviderClient {
    issuer: String,
    client_id: String,
    secret: Secret,
    client: reqwest::Client,
    errands: Errands,
    known: Mutex<Option<Arc<Known>>>,
}

/// What a provider says of itself.
#[derive(Debug)]
pub(super) struct Known {
    /// Its addresses.
    pub(super) metadata: Metadata,
    /// What its ID tokens are signed with.
    pub(super) keys: ShopKeys,
    at_ms: u64,
    /// When it was last asked for before its hour was over, for a key that was missing.
    again_ms: Option<u64>,
}

impl Known {
    fn is_fresh(&self, is_stale: bool, now_ms: u64) -> bool {
        let is_within = |at_ms: u64, time_ms| now_ms.saturating_sub(at_ms) < time_ms;
        match is_stale {
            true => self.again_ms.is_some_and(|at_ms| is_within(at_ms, MINUTE_MS)),
            false => is_within(self.at_ms, HOUR_MS),
        }
    }
}

/// The metadata of a provider (OpenID Connect Discovery 1.0, 3; RFC 9207, 3).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    /// Where fans sign in.
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    /// What ID tokens are signed with.
    #[serde(default)]
    pub(super) id_token_signing_alg_values_supported: Vec<String>,
    /// True if the way back names the issuer.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// What is exchanged for an ID token.
#[derive(Clone, Copy)]
pub(super) struct Exchange<'e> {
    /// What the provider sent back.
    pub(super) code: &'e str,
    /// Where it sent it.
    pub(super) redirect_uri: &'e str,
    /// What its hash was told before.
    pub(super) verifier: &'e str,
}

/// What came of an exchange.
#[derive(Debug)]
pub(super) enum Exchanged {
    /// An ID token.
    Token(String),
    /// The provider does not know the code: it was used, or is another client's.
    Refused,
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: String,
}

impl ProviderClient {
    /// The provider of an issuer.
    ///
    /// # Errors
    /// No client can be made.
    pub(super) fn new(issuer: &str, client_id: &str, secret: Secret) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(WITHIN).redirect(reqwest::redirect::Policy::none()).build()?;
        let (issuer, client_id) = (issuer.to_owned(), client_id.to_owned());
        Ok(Self { issuer, client_id, secret, client, errands: Errands::default(), known: Mutex::default() })
    }

    /// What the provider says of itself. `is_stale` says that a key was missing in what is known.
    ///
    /// # Errors
    /// Nothing is known, and the provider does not answer.
    pub(super) async fn known(&self, is_stale: bool, now_ms: u64) -> Result<Arc<Known>, NotRun> {
        let before = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = before.as_ref().filter(|known| known.is_fresh(is_stale, now_ms)) {
            return Ok(Arc::clone(known));
        }
        match (self.errands.run(2, || self.ask(now_ms)).await, before) {
            (Ok(known), before) => {
                let again_ms = if is_stale { Some(now_ms) } else { before.and_then(|before| before.again_ms) };
                let known = Arc::new(Known { again_ms, ..known });
                *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
                Ok(known)
            }
            (Err(_), Some(known)) if now_ms.saturating_sub(known.at_ms) < DAY_MS => Ok(known),
            (Err(error), _) => Err(error),
        }
    }

    async fn ask(&self, now_ms: u64) -> Option<Known> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let metadata: Metadata = read(self.client.get(url)).await?.1?;
        if metadata.issuer != self.issuer {
            tracing::error!(
                alarm = "entry.provider.misconfigured",
                issuer = self.issuer,
                said = metadata.issuer,
                "the provider calls itself otherwise; write `issuer` as its metadata has it"
            );
            return None;
        }
        let (_, body) = read_bytes(self.client.get(&metadata.jwks_uri)).await?;
        let keys = ShopKeys::read(&body).map_err(|error| tracing::warn!(issuer = self.issuer, %error, "unusable keys"));
        Some(Known { metadata, keys: keys.ok()?, at_ms: now_ms, again_ms: None })
    }

    /// Exchanges a code.
    ///
    /// # Errors
    /// The provider does not answer.
    pub(super) async fn exchange(&self, known: &Known, exchange: Exchange<'_>) -> Result<Exchanged, NotRun> {
        // A code is good once: who asks twice is told that it was used.
        self.errands.run(1, || self.exchange_once(&known.metadata, exchange)).await
    }

    async fn exchange_once(&self, metadata: &Metadata, exchange: Exchange<'_>) -> Option<Exchanged> {
        match read::<TokenAnswer>(self.request(metadata, exchange)).await? {
            (200, Some(answer)) => Some(Exchanged::Token(answer.id_token)),
            (400 | 401, _) => Some(Exchanged::Refused),
            _ => None,
        }
    }

    fn request(&self, metadata: &Metadata, exchange: Exchange<'_>) -> reqwest::RequestBuilder {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", exchange.code)
            .append_pair("redirect_uri", exchange.redirect_uri)
            .append_pair("code_verifier", exchange.verifier);
        let mut request = self.client.post(&metadata.token_endpoint);
        let methods = &metadata.token_endpoint_auth_methods_supported;
        if methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic") {
            // RFC 6749, 2.3.1: both are form-encoded first.
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(encoded(&self.client_id), Some(encoded(self.secret.expose())));
        } else {
            form.append_pair("client_id", &self.client_id).append_pair("client_secret", self.secret.expose());
        }
        let kind = http::HeaderValue::from_static("application/x-www-form-urlencoded");
        request.header(http::header::CONTENT_TYPE, kind).body(form.finish())
    }
}

/// Status and body of an answer; the body only where it is what was asked for.
async fn read<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Option<(u16, Option<T>)> {
    let (status, body) = read_bytes(request).await?;
    Some((status, serde_json::from_slice(&body).ok()))
}

async fn read_bytes(request: reqwest::RequestBuilder) -> Option<(u16, Vec<u8>)> {
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, read_bounded(answer, DOCUMENT_BYTES_MAX).await.ok()?))
}
