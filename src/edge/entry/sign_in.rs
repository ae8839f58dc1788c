//! Signing in with an OpenID provider: the way there, and the way back.
//!
//! Guarantees:
//! - a sign-in ends in the browser in which it began; nothing is kept here
//! - the provider is sent no more fans a second than it bears
//! - what a provider says is checked before anybody is vouched for

use std::sync::{Mutex, PoisonError};

use fairgate_entry::oidc::{
    ClaimRules, Expected, IdTokenError, SIGN_IN_RANDOM_BYTES, SignIn, SignInError, SignInKey, identity_of,
    sign_in_cookie_name, verify_id_token,
};
use fairgate_entry::way::{Person, WayName};
use serde_json::Value;

use super::provider_client::{Exchange, Exchanged, Known, ProviderClient};
use fairgate_telemetry::entropy;

/// A provider that fans sign in with.
pub(crate) struct SignInProvider {
    pub(super) name: WayName,
    pub(super) client_id: String,
    pub(super) scopes: String,
    pub(super) rules: ClaimRules,
    pub(super) key: SignInKey,
    pub(super) client: ProviderClient,
    pub(super) open_from_ms: u64,
    pub(super) rate: Mutex<Rate>,
}

/// Sign-ins that may begin within a second.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: u32,
    second: u64,
    begun: u32,
}

/// Where a browser goes to sign in.
pub(crate) struct Begun {
    /// The provider's address, with the request in its query.
    pub(crate) location: String,
    /// The cookie's name and value.
    pub(crate) cookie: (String, String),
}

/// Why a sign-in does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotBegun {
    /// The path to return to leads elsewhere.
    ReturnTo,
    /// Fans may sign in from then on, Unix ms.
    NotOpen(u64),
    /// The provider has all that it bears, or does not answer.
    Busy,
    /// There is no randomness.
    NoRandomness,
}

/// What a provider sent back.
#[derive(Clone, Copy)]
pub(crate) struct Back<'b> {
    /// `state`.
    pub(crate) state: &'b str,
    /// `code`; none where the provider says an error.
    pub(crate) code: Option<&'b str>,
    /// `iss` (RFC 9207).
    pub(crate) issuer: Option<&'b str>,
    /// The cookie of this state.
    pub(crate) cookie: Option<&'b str>,
    /// Where the provider sent it.
    pub(crate) redirect_uri: &'b str,
}

/// Why a sign-in does not end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSignedIn {
    /// Begun elsewhere, or too long ago.
    Mismatch,
    /// The provider, or what it says, does not vouch.
    Failed,
    /// The provider does not answer.
    Away,
}

impl Rate {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, second: 0, begun: 0 }
    }

    fn take(&mut self, now_ms: u64) -> bool {
        if self.second != now_ms / 1000 {
            (self.second, self.begun) = (now_ms / 1000, 0);
        }
        self.begun = self.begun.saturating_add(1);
        self.begun <= self.per_second
    }
}

impl SignInProvider {
    pub(crate) fn name(&self) -> &WayName {
        &self.name
    }

    /// The name of the cookie of a state; without TLS browsers refuse the prefix.
    pub(crate) fn cookie_name(&self, state: &str, secure: bool) -> String {
        let name = sign_in_cookie_name(self.name.as_str(), state);
        if secure { name } else { name.trim_start_matches("__Host-").to_owned() }
    }

    /// Begins a sign-in.
    ///
    /// # Errors
    /// It cannot begin now.
    pub(crate) async fn begin(
        &self,
        return_to: &str,
        redirect_uri: &str,
        secure: bool,
        now_ms: u64,
    ) -> Result<Begun, NotBegun> {
        if now_ms < self.open_from_ms {
            return Err(NotBegun::NotOpen(self.open_from_ms));
        }
        let random: [u8; SIGN_IN_RANDOM_BYTES] = entropy::random_bytes().map_err(|_| NotBegun::NoRandomness)?;
        let nonce = entropy::random_bytes().map_err(|_| NotBegun::NoRandomness)?;
        let sign_in = SignIn::begin(random, return_to, now_ms).map_err(|_| NotBegun::ReturnTo)?;
        if !self.rate.lock().unwrap_or_else(PoisonError::into_inner).take(now_ms) {
            return Err(NotBegun::Busy);
        }
        let known = self.client.known(false, now_ms).await.map_err(|_| NotBegun::Busy)?;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", &self.scopes)
            .append_pair("state", sign_in.state())
            .append_pair("nonce", sign_in.nonce())
            .append_pair("code_challenge", &sign_in.code_challenge())
            .append_pair("code_challenge_method", "S256")
            .finish();
        let endpoint = &known.metadata.authorization_endpoint;
        let sign = if endpoint.contains('?') { '&' } else { '?' };
        let cookie = self.key.seal(&sign_in, self.name.as_str(), nonce);
        Ok(Begun {
            location: format!("{endpoint}{sign}{query}"),
            cookie: (self.cookie_name(sign_in.state(), secure), cookie),
        })
    }

    /// Ends a sign-in: who it is, and where to go.
    ///
    /// # Errors
    /// Nobody is vouched for.
    pub(crate) async fn finish(&self, back: Back<'_>, now_ms: u64) -> Result<(Person, String), NotSignedIn> {
        let cookie = back.cookie.ok_or(NotSignedIn::Mismatch)?;
        let opened = self.key.open(cookie, self.name.as_str(), back.state, now_ms);
        let sign_in = opened.map_err(|error| match error {
            SignInError::Mismatch | SignInError::ReturnTo | SignInError::Expired => NotSignedIn::Mismatch,
        })?;
        let code = back.code.ok_or(NotSignedIn::Failed)?;
        let known = self.client.known(false, now_ms).await.map_err(|_| NotSignedIn::Away)?;
        let names_itself = known.metadata.authorization_response_iss_parameter_supported;
        let is_from_another = back.issuer.is_some_and(|issuer| issuer != self.rules.issuer);
        if is_from_another || (names_itself && back.issuer.is_none()) {
            return Err(NotSignedIn::Mismatch);
        }
        let exchange = Exchange { code, redirect_uri: back.redirect_uri, verifier: sign_in.code_verifier() };
        let token = match self.client.exchange(&known, exchange).await {
            Ok(Exchanged::Token(token)) => token,
            Ok(Exchanged::Refused) => return Err(NotSignedIn::Failed),
            Err(_) => return Err(NotSignedIn::Away),
        };
        let claims = self.verified(&token, &sign_in, &known, now_ms).await?;
        let person = identity_of(&claims, &self.rules).map_err(|error| {
            tracing::warn!(way = %self.name, %error, "the provider signs in somebody who cannot be told apart");
            NotSignedIn::Failed
        })?;
        Ok((person, sign_in.return_to().to_owned()))
    }

    /// Where a sign-in of this browser was to lead in the end.
    pub(crate) fn return_to(&self, back: Back<'_>, now_ms: u64) -> Option<String> {
        let opened = self.key.open(back.cookie?, self.name.as_str(), back.state, now_ms);
        opened.ok().map(|sign_in| sign_in.return_to().to_owned())
    }

    /// The claims of a token; the provider's keys are asked for again where one is missing.
    async fn verified(&self, token: &str, sign_in: &SignIn, known: &Known, now_ms: u64) -> Result<Value, NotSignedIn> {
        let verify = |known: &Known| {
            let expected = Expected {
                issuer: &self.rules.issuer,
                client_id: &self.client_id,
                nonce: sign_in.nonce(),
                algorithms: &known.metadata.id_token_signing_alg_values_supported,
                now_ms,
            };
            verify_id_token(token, &known.keys, &expected)
        };
        let verified = match verify(known) {
            Err(IdTokenError::UnknownKey) => {
                let newer = self.client.known(true, now_ms).await.map_err(|_| NotSignedIn::Away)?;
                verify(&newer)
            }
            verified => verified,
        };
        verified.map_err(|error| {
            tracing::warn!(way = %self.name, %error, "the provider's ID token does not count");
            NotSignedIn::Failed
        })
    }
}
