//! Private access tokens (RFC 9576 to 9578), publicly verifiable: token type 0x0002, blind RSA of 2048 bits.
//!
//! Guarantee: a token counts for one draw, one minute and one entry, and for the room's hosts alone. So its replay
//! gives the same entry, and no list of spent tokens is kept.
//!
//! A token shows a device that an attester knows, and nobody in particular.

mod directory;

use std::fmt;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PSS_2048_8192_SHA384};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

pub use directory::{DIRECTORY_BYTES_MAX, DIRECTORY_MEDIA_TYPE, DIRECTORY_PATH, DirectoryError, read_directory};

use crate::bond::{Bond, sha256};
use crate::epoch::Epoch;
use crate::keys::Key;
use crate::tagged;
use crate::way::{Answer, Ask, Judgement, Person, Reason, Scene, Shown, Way, WayName};

/// Bytes of a token of this type.
pub const PRIVATE_TOKEN_BYTES: usize = 2 + 32 + 32 + 32 + AUTHENTICATOR_BYTES;
/// How long a browser may keep a challenge, seconds: as long as an epoch.
pub const CHALLENGE_S: u64 = crate::epoch::EPOCH_S;
/// Most keys of one issuer.
pub const ISSUER_KEYS_MAX: usize = 8;

const TYPE: [u8; 2] = [0x00, 0x02];
const AUTHENTICATOR_BYTES: usize = 256;
/// What the authenticator signs: type, nonce, digest and key id.
const SIGNED_BYTES: usize = 2 + 32 + 32 + 32;
/// A longer `Authorization` value is refused unread.
const AUTHORIZATION_BYTES_MAX: usize = 1024;
const NAME_BYTES_MAX: usize = 255;

/// RFC 9577 writes base64url with padding; clients are known that leave it out.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_encode_padding(true).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A public key of an issuer.
#[derive(Clone)]
pub struct IssuerKey {
    spki: Vec<u8>,
    id: [u8; 32],
    key: std::sync::Arc<ParsedPublicKey>,
}

/// Why a text is no issuer's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an issuer's key is the base64url of an RSA key of 2048 bits as SubjectPublicKeyInfo")]
pub struct IssuerKeyError;

impl IssuerKey {
    /// Reads the base64url of a SubjectPublicKeyInfo, as a key directory has it.
    ///
    /// # Errors
    /// When it is no RSA key of 2048 bits.
    pub fn read(text: &str) -> Result<Self, IssuerKeyError> {
        if text.len() > AUTHORIZATION_BYTES_MAX {
            return Err(IssuerKeyError);
        }
        let spki = BASE64URL.decode(text).map_err(|_| IssuerKeyError)?;
        let key = ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, &spki).map_err(|_| IssuerKeyError)?;
        let is_spki = spki.windows(RSA_MODULUS.len()).any(|part| part == RSA_MODULUS);
        if !is_spki || !spki.starts_with(&[0x30, 0x82]) {
            return Err(IssuerKeyError);
        }
        Ok(Self { id: sha256(&spki), key: std::sync::Arc::new(key), spki })
    }

    /// SHA-256 of the key: `token_key_id`.
    #[must_use]
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }
}

/// How an RSAPublicKey of 2048 bits begins within its SubjectPublicKeyInfo (DER): BIT STRING, no unused bits, SEQUENCE
/// of 266 bytes, INTEGER of 257 bytes, a zero before the highest bit.
const RSA_MODULUS: [u8; 14] = [0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00];

impl fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerKey({})", hex::encode(self.id))
    }
}

impl PartialEq for IssuerKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// A challenge: what a token is asked for, and what it counts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenChallenge(Vec<u8>);

/// Why there is no challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    /// The issuer's name is missing or too long.
    #[error("`issuer` is a host name of 1 to {NAME_BYTES_MAX} bytes")]
    Issuer,
    /// No host: any site could have asked for the token.
    #[error("a private token needs the room's `hosts`: without one it could have been asked for by any site")]
    NoOrigin,
    /// More hosts than the challenge has room for.
    #[error("the room's hosts have more than 65535 bytes together")]
    Origins,
}

impl TokenChallenge {
    /// `u16 0x0002 ‖ u16 len ‖ issuer ‖ u8 32 ‖ redemption_context ‖ u16 len ‖ origin_info` (RFC 9577, 2.1).
    ///
    /// # Errors
    /// When the issuer or the hosts have not the form that they need.
    pub fn new(issuer: &str, context: &[u8; 32], hosts: &[String]) -> Result<Self, ChallengeError> {
        let issuer_length = u16::try_from(issuer.len()).map_err(|_| ChallengeError::Issuer)?;
        if issuer.is_empty() || issuer.len() > NAME_BYTES_MAX {
            return Err(ChallengeError::Issuer);
        }
        let origins = hosts.join(",");
        let origins_length = u16::try_from(origins.len()).map_err(|_| ChallengeError::Origins)?;
        if hosts.is_empty() || hosts.iter().any(String::is_empty) {
            return Err(ChallengeError::NoOrigin);
        }
        let mut bytes = TYPE.to_vec();
        bytes.extend(issuer_length.to_be_bytes());
        bytes.extend(issuer.as_bytes());
        bytes.push(32);
        bytes.extend(context);
        bytes.extend(origins_length.to_be_bytes());
        bytes.extend(origins.as_bytes());
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// SHA-256 of them.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        sha256(&self.0)
    }
}

/// `redemption_context = H(DST("fairgate/v2/private-token") ‖ D ‖ seed_e ‖ b)`.
#[must_use]
pub fn redemption_context(draw: &[u8; 32], seed: &[u8; 16], bond: &Bond) -> [u8; 32] {
    tagged("fairgate/v2/private-token", &[draw, seed, bond.bytes()])
}

/// A token as it was shown (RFC 9578, 6): `u16 type ‖ nonce[32] ‖ challenge_digest[32] ‖ token_key_id[32] ‖
/// authenticator[256]`.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateToken(Box<[u8; PRIVATE_TOKEN_BYTES]>);

impl PrivateToken {
    /// The token of these bytes; `None` where it is of another type or length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; PRIVATE_TOKEN_BYTES] = bytes.try_into().ok()?;
        bytes.starts_with(&TYPE).then(|| Self(Box::new(bytes)))
    }

    /// Reads base64url, padded or not.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = Some(text).filter(|text| text.len() <= AUTHORIZATION_BYTES_MAX)?;
        Self::from_bytes(&BASE64URL.decode(text).ok()?)
    }

    /// Reads an `Authorization` value: `PrivateToken token="…"` (RFC 9577, 2.2). The token may stand without quotes,
    /// and other parameters may follow.
    #[must_use]
    pub fn of_authorization(value: &str) -> Option<Self> {
        let value = Some(value).filter(|value| value.len() <= AUTHORIZATION_BYTES_MAX)?;
        let (scheme, parameters) = value.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("PrivateToken") {
            return None;
        }
        let token = |parameter: &str| {
            let (name, value) = parameter.trim().split_once('=')?;
            let value = value.trim();
            let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
            name.trim().eq_ignore_ascii_case("token").then(|| value.to_owned())
        };
        let mut tokens = parameters.split(',').filter_map(token);
        let only = tokens.next().filter(|_| tokens.next().is_none())?;
        Self::read(&only)
    }

    fn challenge_digest(&self) -> &[u8] {
        &self.0[34..66]
    }

    fn key_id(&self) -> &[u8] {
        &self.0[66..98]
    }

    /// Whether it answers one of these challenges under one of these keys.
    #[must_use]
    pub fn is_valid(&self, challenges: &[TokenChallenge], keys: &[IssuerKey]) -> bool {
        if !challenges.iter().any(|challenge| challenge.digest() == self.challenge_digest()) {
            return false;
        }
        let Some(key) = keys.iter().find(|key| key.id == self.key_id()) else { return false };
        let (signed, authenticator) = self.0.split_at(SIGNED_BYTES);
        key.key.verify_sig(signed, authenticator).is_ok()
    }
}

impl fmt::Debug for PrivateToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateToken(..)")
    }
}

/// An issuer as a way.
#[derive(Clone, Debug)]
pub struct PrivateTokens {
    /// The way's name.
    pub name: WayName,
    /// The issuer's name, a host.
    pub issuer: String,
    /// The issuer's keys; the first is the one that is asked for.
    pub keys: Vec<IssuerKey>,
    /// The key of [`Purpose::Work`](crate::keys::Purpose::Work), which dates challenges.
    pub seeds: Key,
}

impl PrivateTokens {
    /// The challenge of an epoch for an entry.
    ///
    /// # Errors
    /// When the room has no hosts, or the issuer no name.
    pub fn challenge(&self, epoch: Epoch, scene: &Scene<'_>) -> Result<TokenChallenge, ChallengeError> {
        let context = redemption_context(scene.draw, &epoch.seed(&self.seeds, scene.draw), &scene.bond);
        TokenChallenge::new(&self.issuer, &context, scene.hosts)
    }

    /// One challenge of a `WWW-Authenticate` value; those of several issuers are joined by commas.
    ///
    /// `None` while there is no key.
    ///
    /// # Errors
    /// When the room has no hosts, or the issuer no name.
    pub fn www_authenticate(&self, scene: &Scene<'_>) -> Result<Option<String>, ChallengeError> {
        let challenge = self.challenge(Epoch::of(scene.now_ms), scene)?;
        Ok(self.keys.first().map(|key| {
            let (challenge, key) = (BASE64URL.encode(challenge.bytes()), BASE64URL.encode(&key.spki));
            format!(r#"PrivateToken challenge="{challenge}", token-key="{key}", max-age={CHALLENGE_S}"#)
        }))
    }
}

impl Way for PrivateTokens {
    fn name(&self) -> &WayName {
        &self.name
    }

    fn ask(&self, _scene: &Scene<'_>) -> Ask {
        Ask::Plain {}
    }

    fn is_judged_at_join(&self) -> bool {
        false
    }

    fn judge(&self, shown: &Shown<'_>, scene: &Scene<'_>) -> Judgement {
        let refused = Judgement::Refused(Reason::ChallengeFailed);
        let Shown::PrivateToken(value) = shown else { return refused };
        let Some(token) = PrivateToken::of_authorization(value) else { return refused };
        let challenges: Result<Vec<_>, _> =
            Epoch::accepted(scene.now_ms).iter().map(|epoch| self.challenge(*epoch, scene)).collect();
        match challenges {
            Ok(challenges) if token.is_valid(&challenges, &self.keys) => Judgement::Shown(Person::checked()),
            _ => refused,
        }
    }

    fn settle(&self, _answer: &Answer, _scene: &Scene<'_>) -> Judgement {
        Judgement::Refused(Reason::ChallengeFailed)
    }
}

#[cfg(test)]
mod tests;
