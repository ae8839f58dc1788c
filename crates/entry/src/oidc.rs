//! Signing in with an OpenID provider: the parts that need no network.
//!
//! Guarantees:
//! - a sign-in ends in the browser in which it began, within ten minutes
//! - a return leads to a path of the same host and nowhere else
//! - whoever signs in is one subject, in one spelling
//!
//! Nothing is kept on the server.
//!
//! The exchange of the code is the edge's. Signing in knows
//! nothing of rooms: [`SignIn::begin`] and [`identity_of`] serve fans' accounts and the console alike.

mod id_token;

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_draw::v2::{Identity, Method};
use serde::{Deserialize, Serialize};

pub use id_token::{Expected, ID_TOKEN_BYTES_MAX, IdTokenError, verify_id_token};

use crate::bond::sha256;
use crate::keys::{Key, equal};
use crate::mail::Address;
use crate::sealed::{SEAL_NONCE_BYTES, Sealer};
use crate::way::Person;

/// How long a sign-in may take, seconds.
pub const SIGN_IN_S: u64 = 600;
/// Random bytes that a sign-in takes: state, nonce and verifier.
pub const SIGN_IN_RANDOM_BYTES: usize = 96;
/// Longest path to return to, bytes.
pub const RETURN_TO_BYTES_MAX: usize = 1024;
/// A longer cookie is refused unread.
pub const SIGN_IN_COOKIE_BYTES_MAX: usize = 2048;
/// Most sign-ins that a browser has under way with one provider; the oldest goes.
pub const SIGN_INS_MAX: usize = 4;

/// Why a way back is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The path to return to leads elsewhere, or is none.
    #[error(
        "`return_to` is a path of this host: it begins with one `/` and has at most {RETURN_TO_BYTES_MAX} characters"
    )]
    ReturnTo,
    /// No cookie of ours for this state.
    #[error("the sign-in was begun in another browser, or with another provider")]
    Mismatch,
    /// Too late.
    #[error("the sign-in took longer than {SIGN_IN_S} s")]
    Expired,
}

/// A sign-in that is under way; the browser keeps it sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The `state` parameter: 32 bytes, base64url.
    state: String,
    /// The `nonce` that the ID token must have.
    nonce: String,
    /// The verifier whose hash was the `code_challenge`.
    verifier: String,
    /// Where to go in the end: a path of this host.
    return_to: String,
    /// Until when, Unix seconds.
    expires_s: u64,
}

impl SignIn {
    /// Begins a sign-in. `random` is from the system, new each time.
    ///
    /// # Errors
    /// When `return_to` is no path of this host.
    pub fn begin(random: [u8; SIGN_IN_RANDOM_BYTES], return_to: &str, now_ms: u64) -> Result<Self, SignInError> {
        if !is_own_path(return_to) {
            return Err(SignInError::ReturnTo);
        }
        let part = |n: usize| URL_SAFE_NO_PAD.encode(&random[32 * n..32 * (n + 1)]);
        let expires_s = now_ms / 1000 + SIGN_IN_S;
        Ok(Self { state: part(0), nonce: part(1), verifier: part(2), return_to: return_to.to_owned(), expires_s })
    }

    /// `state` of the request.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }

    /// `nonce` of the request, and of the ID token.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// `code_challenge` with the method S256 (RFC 7636, 4.2).
    #[must_use]
    pub fn code_challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(sha256(self.verifier.as_bytes()))
    }

    /// `code_verifier` of the exchange.
    #[must_use]
    pub fn code_verifier(&self) -> &str {
        &self.verifier
    }

    /// Where to go in the end.
    #[must_use]
    pub fn return_to(&self) -> &str {
        &self.return_to
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignIn(to {:?}, ..)", self.return_to)
    }
}

/// `__Host-fairgate-oidc-{name}-{first 8 of base64url H(state)}`: a name for each sign-in, so several tabs work.
#[must_use]
pub fn sign_in_cookie_name(provider: &str, state: &str) -> String {
    let hash = URL_SAFE_NO_PAD.encode(&sha256(state.as_bytes())[..6]);
    format!("__Host-fairgate-oidc-{provider}-{hash}")
}

/// The key that seals sign-ins.
#[derive(Debug)]
pub struct SignInKey(Sealer);

impl SignInKey {
    /// From the key of [`Purpose::SignIn`](crate::keys::Purpose::SignIn).
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self(Sealer::new(key))
    }

    /// The cookie's value, for one provider.
    #[must_use]
    pub fn seal(&self, sign_in: &SignIn, provider: &str, nonce: [u8; SEAL_NONCE_BYTES]) -> String {
        let content = serde_json::to_vec(sign_in).expect("strings and numbers have a JSON form");
        self.0.seal(&context(provider), nonce, content)
    }

    /// Opens the cookie of the state that a provider sent back.
    ///
    /// # Errors
    /// When the sign-in was begun elsewhere, or too long ago.
    pub fn open(&self, cookie: &str, provider: &str, state: &str, now_ms: u64) -> Result<SignIn, SignInError> {
        let content = self.0.open(&context(provider), cookie, SIGN_IN_COOKIE_BYTES_MAX).ok_or(SignInError::Mismatch)?;
        let sign_in: SignIn = serde_json::from_slice(&content).map_err(|_| SignInError::Mismatch)?;
        if !equal(sign_in.state.as_bytes(), state.as_bytes()) || !is_own_path(&sign_in.return_to) {
            return Err(SignInError::Mismatch);
        }
        if sign_in.expires_s.saturating_mul(1000) <= now_ms {
            return Err(SignInError::Expired);
        }
        Ok(sign_in)
    }
}

fn context(provider: &str) -> String {
    format!("oidc {provider}")
}

/// Whether a text is a path of this host, whatever browser reads it.
///
/// Browsers take `\` for `/`, and drop tabs and line ends: so only visible ASCII without `\` is taken, and not `//` at
/// the start.
#[must_use]
pub fn is_own_path(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    is_plain && text.len() <= RETURN_TO_BYTES_MAX && text.starts_with('/') && !text.starts_with("//")
}

/// The claim that names the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SubjectClaim {
    /// `sub`.
    #[default]
    Sub,
    /// `email`, and only where `email_verified` is true.
    Email,
}

/// How a provider's claims become a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRules {
    /// The provider's issuer, as the ID token's `iss` has it.
    pub issuer: String,
    /// The claim that names the person.
    pub subject: SubjectClaim,
    /// The claim that says the tier; `None` where none does.
    pub tier_claim: Option<String>,
    /// Indexes of tiers by what the claim says.
    pub tiers: BTreeMap<String, u8>,
}

/// Why claims of an ID token, which was checked, are nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Another issuer.
    #[error("the ID token's `iss` is not the provider's issuer")]
    Issuer,
    /// No subject, or one that is too long.
    #[error("the ID token's `sub` has not 1 to 1024 bytes")]
    Subject,
    /// An address that the provider has not verified, or none.
    #[error("the ID token has no `email` that is an address with `email_verified` true")]
    Email,
}

/// The person whom an ID token names. `claims` are those of a token whose signature, audience, nonce and times were
/// checked.
///
/// A tier claim may be a text, a number, or a list of them; the best tier counts, and what is not in `tiers` gives
/// none: a provider has many groups, and most are no tier.
///
/// # Errors
/// When the claims name nobody.
pub fn identity_of(claims: &serde_json::Value, rules: &ClaimRules) -> Result<Person, ClaimError> {
    let text = |name: &str| claims.get(name).and_then(serde_json::Value::as_str);
    if text("iss") != Some(rules.issuer.as_str()) {
        return Err(ClaimError::Issuer);
    }
    let subject = match rules.subject {
        SubjectClaim::Sub => text("sub").ok_or(ClaimError::Subject)?.to_owned(),
        SubjectClaim::Email => {
            let is_verified = claims.get("email_verified") == Some(&serde_json::Value::Bool(true));
            let address = text("email").filter(|_| is_verified).and_then(|email| Address::read(email).ok());
            address.ok_or(ClaimError::Email)?.subject().to_owned()
        }
    };
    let method = Method::oidc(&rules.issuer).map_err(|_| ClaimError::Issuer)?;
    let identity = Identity::new(method, &subject).map_err(|_| ClaimError::Subject)?;
    let said = rules.tier_claim.as_ref().and_then(|name| claims.get(name));
    Ok(Person::of(identity, said.and_then(|said| tier(said, &rules.tiers))))
}

fn tier(said: &serde_json::Value, tiers: &BTreeMap<String, u8>) -> Option<u8> {
    match said {
        serde_json::Value::String(name) => tiers.get(name).copied(),
        serde_json::Value::Number(number) => tiers.get(&number.to_string()).copied(),
        serde_json::Value::Bool(is) => tiers.get(if *is { "true" } else { "false" }).copied(),
        serde_json::Value::Array(all) => all.iter().filter_map(|one| tier(one, tiers)).min(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::vectors::key;

    const NOW_MS: u64 = 1_764_581_400_000;

    fn begun() -> SignIn {
        let random = std::array::from_fn(|i| i as u8);
        SignIn::begin(random, "/.fairgate/final?lang=de", NOW_MS).expect("begun")
    }

    fn keys() -> SignInKey {
        SignInKey::new(&key(1))
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        // Appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let sign_in = SignIn { verifier, ..begun() };
        assert_eq!(sign_in.code_challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn state_nonce_and_verifier_are_three() {
        let sign_in = begun();
        let mut parts = [sign_in.state(), sign_in.nonce(), sign_in.code_verifier()];
        parts.sort_unstable();
        assert!(parts.iter().all(|part| part.len() == 43) && parts[0] != parts[1] && parts[1] != parts[2]);
        assert!(!format!("{sign_in:?}").contains(sign_in.state()));
    }

    #[test]
    fn it_ends_where_it_began() {
        let sign_in = begun();
        let cookie = keys().seal(&sign_in, "club", [5; 12]);
        let open = |provider, state: &str, ms| keys().open(&cookie, provider, state, NOW_MS + ms);
        assert_eq!(open("club", sign_in.state(), 599_999), Ok(sign_in.clone()));
        assert_eq!(open("club", sign_in.state(), 600_000), Err(SignInError::Expired));
        assert_eq!(open("other", sign_in.state(), 0), Err(SignInError::Mismatch));
        assert_eq!(open("club", sign_in.nonce(), 0), Err(SignInError::Mismatch));
        assert_eq!(open("club", "", 0), Err(SignInError::Mismatch));
        let stranger = SignInKey::new(&key(2)).open(&cookie, "club", sign_in.state(), NOW_MS);
        assert_eq!(stranger, Err(SignInError::Mismatch));
        for bit in 0..8 * cookie.len() {
            let mut bytes = cookie.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(other) = String::from_utf8(bytes) else { continue };
            assert_eq!(keys().open(&other, "club", sign_in.state(), NOW_MS), Err(SignInError::Mismatch));
        }
    }

    #[test]
    fn the_longest_path_fits_into_the_cookie() {
        let path = format!("/{}", "x".repeat(RETURN_TO_BYTES_MAX - 1));
        let sign_in = SignIn::begin([7; 96], &path, NOW_MS).expect("begun");
        let cookie = keys().seal(&sign_in, "club", [5; 12]);
        assert!(keys().open(&cookie, "club", sign_in.state(), NOW_MS).is_ok(), "{}", cookie.len());
    }

    #[test]
    fn each_state_has_a_cookie_of_its_own() {
        let name = sign_in_cookie_name("club", begun().state());
        assert!(name.starts_with("__Host-fairgate-oidc-club-") && name.len() == 26 + 8, "{name}");
        assert_ne!(name, sign_in_cookie_name("club", begun().nonce()));
    }

    #[test]
    fn only_a_path_of_this_host_is_returned_to() {
        for good in ["/", "/a?b=c#d", "/a//b", "/%2f%2fevil.example"] {
            assert!(is_own_path(good), "{good}");
        }
        let long = format!("/{}", "x".repeat(RETURN_TO_BYTES_MAX));
        for bad in [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "/a\\b",
            "https://evil.example",
            "/\t/evil.example",
            "/\n",
            "/ a",
            "/ä",
            "javascript:alert(1)",
            &long,
        ] {
            assert!(!is_own_path(bad), "{bad:.30}");
            assert_eq!(SignIn::begin([0; 96], bad, NOW_MS), Err(SignInError::ReturnTo));
        }
    }

    fn rules(subject: SubjectClaim) -> ClaimRules {
        let tiers = BTreeMap::from([("gold".to_owned(), 0), ("silver".to_owned(), 1), ("7".to_owned(), 2)]);
        ClaimRules { issuer: "https://id.example".into(), subject, tier_claim: Some("level".into()), tiers }
    }

    #[test]
    fn the_subject_is_the_claims_bytes() {
        let of = |claims: Value| identity_of(&claims, &rules(SubjectClaim::Sub));
        let person = of(json!({"iss": "https://id.example", "sub": "User-0 "})).expect("a person");
        let identity = person.identity.expect("an identity");
        assert_eq!((identity.method().as_str(), identity.subject()), ("oidc:https://id.example", "User-0 "));
        assert_eq!(of(json!({"iss": "https://id.example/", "sub": "u"})), Err(ClaimError::Issuer));
        assert_eq!(of(json!({"sub": "u"})), Err(ClaimError::Issuer));
        for sub in [json!(""), json!(7), Value::Null, json!("s".repeat(1025))] {
            assert_eq!(of(json!({"iss": "https://id.example", "sub": sub})), Err(ClaimError::Subject));
        }
    }

    #[test]
    fn an_address_counts_where_it_is_verified() {
        let of = |email: &str, verified: Value| {
            let claims = json!({"iss": "https://id.example", "sub": "u", "email": email, "email_verified": verified});
            identity_of(&claims, &rules(SubjectClaim::Email)).map(|person| person.identity)
        };
        let identity = of("Ada+x@Example.org", json!(true)).expect("a person").expect("an identity");
        assert_eq!((identity.method().as_str(), identity.subject()), ("oidc:https://id.example", "ada@example.org"));
        for (email, verified) in [
            ("ada@example.org", json!(false)),
            ("ada@example.org", json!("true")),
            ("ada@example.org", Value::Null),
            ("no address", json!(true)),
        ] {
            assert_eq!(of(email, verified), Err(ClaimError::Email), "{email}");
        }
    }

    #[test]
    fn the_best_tier_of_all_that_is_said_counts() {
        let of = |level: Value| {
            let claims = json!({"iss": "https://id.example", "sub": "u", "level": level});
            identity_of(&claims, &rules(SubjectClaim::Sub)).expect("a person").tier
        };
        for (level, expected) in [
            (json!("gold"), Some(0)),
            (json!("Gold"), None),
            (json!(7), Some(2)),
            (json!(["staff", "silver", "gold"]), Some(0)),
            (json!(["staff"]), None),
            (json!(true), None),
            (json!({"gold": true}), None),
            (Value::Null, None),
        ] {
            assert_eq!(of(level.clone()), expected, "{level}");
        }
    }
}
