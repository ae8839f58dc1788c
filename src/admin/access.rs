//! Who is asking, and what they may do.
//!
//! Guarantees:
//! - tokens are compared by keyed hashes, so neither length nor content shows in the time it takes
//! - the tokens themselves are not kept in memory

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use ring::hmac;

use super::Admin;
use super::listen::Peer;
use super::problem::Problem;
use super::refusals::wrong_token;
use crate::config::{AdminToken, Role};
use fairgate_core::fields::{self, bearer};
use fairgate_telemetry::entropy;

/// The tokens that open the admin API.
pub struct Tokens {
    key: hmac::Key,
    known: Vec<(hmac::Tag, Caller)>,
}

/// Who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) name: String,
    pub(super) role: Role,
    /// The network that the request came from, for the audit log.
    pub(super) from: Option<String>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.known.iter().map(|(_, caller)| caller)).finish()
    }
}

impl Tokens {
    /// Tokens to compare with. None at all closes the API.
    ///
    /// # Panics
    /// When the system has no randomness.
    #[must_use]
    pub fn new(tokens: &[AdminToken]) -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &entropy::system()).expect("the system has randomness");
        let known = tokens.iter().map(|token| {
            let tag = hmac::sign(&key, token.secret.expose().as_bytes());
            (tag, Caller { name: token.name.clone(), role: token.role, from: None })
        });
        Self { known: known.collect(), key }
    }

    /// True if there are none.
    pub(super) fn is_closed(&self) -> bool {
        self.known.is_empty()
    }

    /// Whose token it is.
    pub(super) fn caller(&self, token: &str) -> Option<&Caller> {
        let matches = |tag: &hmac::Tag| hmac::verify(&self.key, token.as_bytes(), tag.as_ref()).is_ok();
        // All are compared, so that the time does not tell which one matched.
        let fitting: Vec<_> = self.known.iter().filter(|(tag, _)| matches(tag)).collect();
        fitting.first().map(|(_, caller)| caller)
    }
}

impl Caller {
    /// Checks that the caller's role includes another.
    pub(super) fn require(&self, role: Role) -> Result<(), Problem> {
        if self.role >= role { Ok(()) } else { Err(Problem::Role { has: self.role, needs: role }) }
    }
}

/// Lets a request through if it has a token, and says whose it is.
pub(super) async fn require_token(
    State(admin): State<Admin>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if admin.tokens.is_closed() {
        return Err(Problem::NoTokens);
    }
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0);
    admin.doorman.listens_to(peer)?;
    let token = fields::first(request.headers(), &AUTHORIZATION).and_then(bearer).ok_or(Problem::NoToken)?;
    let Some(caller) = admin.tokens.caller(token).cloned() else {
        wrong_token(&admin, peer).await;
        return Err(Problem::WrongToken);
    };
    request.extensions_mut().insert(Caller { from: Some(network_of(peer)), ..caller });
    Ok(next.run(request).await)
}

/// The /24 or /48 of an address: enough to tell offices apart, and not people.
pub(super) fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or(Problem::NoToken)
    }
}
