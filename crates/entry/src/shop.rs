//! The shop's token: a JWT with which a shop says that it knows somebody.
//!
//! Guarantees:
//! - the algorithm follows from the configured key and never from the token
//! - a token counts for one room, one issuer and a bounded time
//! - the subject is the shop's name for the person, byte for byte
//! - a tier that the configuration does not name is an error and not the last tier, for a first entry decides the
//!   tier for good
//!
//! HS256 costs a microsecond and is judged at the join. A signature is as dear as a join, so tokens of a JWKS are
//! judged off the join and end in a voucher.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_draw::v2::{Identity, Method};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

mod jwks;

pub use jwks::{JWKS_BYTES_MAX, JWKS_KEYS_MAX, JwksError, ShopKeys};

use crate::way::{Answer, Ask, Judgement, Person, Reason, Scene, Shown, Way, WayName};

/// `typ` of a shop's token.
pub const SHOP_TOKEN_TYPE: &str = "fairgate-enqueue+jwt";
/// Longer tokens are refused unread.
pub const SHOP_TOKEN_BYTES_MAX: usize = 4096;
/// Fewest bytes of a secret for HS256 (RFC 7518, 3.2).
pub const HS256_BYTES_MIN: usize = 32;
/// The name of RFC 9864 for what was called `EdDSA` before, on the curve Ed25519.
const ED25519: &str = "Ed25519";
/// How far the shop's clock may be before ours, seconds.
pub const SHOP_SKEW_S: u64 = 60;

/// Why a shop's token does not count; for logs and dry runs, never for the fan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShopTokenError {
    /// Too long.
    #[error("the token has more than {SHOP_TOKEN_BYTES_MAX} bytes")]
    TooLong,
    /// Not a JWT.
    #[error("the token is not a compact JWT whose header can be read")]
    Malformed,
    /// Another `typ`.
    #[error("the token's `typ` is not `{SHOP_TOKEN_TYPE}`")]
    Type,
    /// The header asks for an extension.
    #[error("the token's header has `crit`, and no extension is known here")]
    Critical,
    /// Another algorithm than the key's.
    #[error("the token's `alg` is not that of the configured key")]
    Algorithm,
    /// No such key.
    #[error("the token's `kid` is not in the key set")]
    UnknownKey,
    /// Not signed with the key.
    #[error("the token's signature is wrong")]
    Signature,
    /// Claims that are missing or of another type.
    #[error(
        "the token's claims cannot be read; `iss`, `aud`, `sub`, `iat` and `exp` are needed, times as whole seconds"
    )]
    Claims,
    /// Another issuer.
    #[error("the token's `iss` is not the configured issuer")]
    Issuer,
    /// Another room.
    #[error("the token's `aud` does not name this room")]
    Room,
    /// The subject is empty or too long.
    #[error("the token's `sub` has not 1 to 1024 bytes")]
    Subject,
    /// From the future.
    #[error("the token's `iat` is more than {SHOP_SKEW_S} s ahead of this clock")]
    NotYet,
    /// Over.
    #[error("the token's `exp` has passed")]
    Expired,
    /// Good for too long.
    #[error("the token's `exp` is more than `max_age` after its `iat`")]
    TooLongLived,
    /// A tier that the configuration does not name.
    #[error("the token's `tier` is none of those that `tiers` names")]
    Tier,
}

/// What makes a shop's tokens be believed.
#[derive(Clone)]
pub enum ShopKey {
    /// A secret that the shop shares with us: HS256.
    Secret(DecodingKey),
    /// Public keys of the shop: EdDSA, ES256 or RS256, each as its key says.
    Public(ShopKeys),
}

/// The secret is too short for HS256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret for HS256 has at least {HS256_BYTES_MIN} bytes; make one with `openssl rand -base64 48`")]
pub struct ShortSecret;

impl ShopKey {
    /// A shared secret.
    ///
    /// # Errors
    /// When it is short enough to be guessed.
    pub fn secret(bytes: &[u8]) -> Result<Self, ShortSecret> {
        if bytes.len() < HS256_BYTES_MIN {
            return Err(ShortSecret);
        }
        Ok(Self::Secret(DecodingKey::from_secret(bytes)))
    }

    fn find(&self, header: &Header) -> Result<(Algorithm, &DecodingKey), ShopTokenError> {
        match self {
            Self::Secret(key) => Ok((Algorithm::HS256, key)),
            Self::Public(keys) => keys.find(header.kid.as_deref()).ok_or(ShopTokenError::UnknownKey),
        }
    }
}

impl fmt::Debug for ShopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "ShopKey::Secret(..)",
            Self::Public(_) => "ShopKey::Public(..)",
        })
    }
}

/// A shop as configured.
#[derive(Clone, Debug)]
pub struct Shop {
    /// The way's name.
    pub name: WayName,
    /// `iss` of its tokens.
    pub issuer: String,
    /// What they are signed with.
    pub key: ShopKey,
    /// Indexes of tiers by what the token calls them.
    pub tiers: BTreeMap<String, u8>,
    /// Longest time between `iat` and `exp`, seconds.
    pub max_age_s: u64,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    sub: String,
    iat: u64,
    exp: u64,
    #[serde(default)]
    tier: Option<String>,
}

/// One audience, or several (RFC 7519, 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn has(&self, room: &str) -> bool {
        match self {
            Self::One(own) => own == room,
            Self::Several(all) => all.iter().any(|own| own == room),
        }
    }
}

impl Shop {
    /// Decides about a token for a room.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn verify(&self, token: &str, room: &str, now_ms: u64) -> Result<Person, ShopTokenError> {
        let claims = self.claims(token)?;
        let now_s = now_ms / 1000;
        if claims.iss != self.issuer {
            return Err(ShopTokenError::Issuer);
        }
        if !claims.aud.has(room) {
            return Err(ShopTokenError::Room);
        }
        if claims.iat > now_s.saturating_add(SHOP_SKEW_S) {
            return Err(ShopTokenError::NotYet);
        }
        if claims.exp <= now_s {
            return Err(ShopTokenError::Expired);
        }
        if claims.exp > claims.iat.saturating_add(self.max_age_s) {
            return Err(ShopTokenError::TooLongLived);
        }
        let tier = match &claims.tier {
            Some(name) => Some(*self.tiers.get(name).ok_or(ShopTokenError::Tier)?),
            None => None,
        };
        let identity = Identity::new(Method::enqueue_token(), &claims.sub).map_err(|_| ShopTokenError::Subject)?;
        Ok(Person::of(identity, tier))
    }

    /// The claims, once the signature over them was checked.
    fn claims(&self, token: &str) -> Result<Claims, ShopTokenError> {
        if token.len() > SHOP_TOKEN_BYTES_MAX {
            return Err(ShopTokenError::TooLong);
        }
        let malformed = || ShopTokenError::Malformed;
        let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = message.split_once('.').ok_or_else(malformed)?;
        let header: Header = part(header).ok_or_else(malformed)?;
        let said = header.algorithm().ok_or_else(malformed)?;
        if header.typ.as_deref() != Some(SHOP_TOKEN_TYPE) {
            return Err(ShopTokenError::Type);
        }
        if header.crit.is_some() {
            return Err(ShopTokenError::Critical);
        }
        let (algorithm, key) = self.key.find(&header)?;
        if said != algorithm {
            return Err(ShopTokenError::Algorithm);
        }
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm) {
            Ok(true) => part(claims).ok_or(ShopTokenError::Claims),
            Ok(false) => Err(ShopTokenError::Signature),
            Err(_) => Err(malformed()),
        }
    }
}

/// What a token's header says; the rest of it is not asked for.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

impl Header {
    fn algorithm(&self) -> Option<Algorithm> {
        if self.alg == ED25519 { Some(Algorithm::EdDSA) } else { self.alg.parse().ok() }
    }
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// Who a token says that it is from, which nobody has checked: only good for knowing which shop to ask.
#[must_use]
pub fn shop_hearsay(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    if token.len() > SHOP_TOKEN_BYTES_MAX {
        return None;
    }
    let claims: Issuer = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    Some(claims.iss)
}

impl Way for Shop {
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
        matches!(self.key, ShopKey::Secret(_))
    }

    fn judge(&self, shown: &Shown<'_>, scene: &Scene<'_>) -> Judgement {
        let Shown::Shop(token) = shown else { return Judgement::Refused(Reason::TokenWrong) };
        match self.verify(token, scene.room, scene.now_ms) {
            Ok(person) => Judgement::Shown(person),
            Err(_) => Judgement::Refused(Reason::TokenWrong),
        }
    }

    fn settle(&self, _answer: &Answer, _scene: &Scene<'_>) -> Judgement {
        Judgement::Refused(Reason::TokenWrong)
    }
}

#[cfg(test)]
mod tests;
