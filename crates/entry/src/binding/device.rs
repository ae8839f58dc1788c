//! Sessions that a browser keeps alive with a key of its device: Device Bound Session Credentials (W3C draft of February 2026,
//! as Chromium 156 speaks it).
//!
//! Guarantees:
//! - only the browser that was let in, or that has proved the ticket's key, can bind its device: what it signs came with that
//!   answer, and is worth nothing with another session
//! - a session's name says what the session is of, and nobody but an edge makes one, so that no edge has to keep anything
//! - a refresh counts for this minute or the last one, and is signed by the device
//!
//! A name: `base64url(x ‖ y ‖ jkt ‖ u8(tier) ‖ u64be(index) ‖ u64be(place) ‖ u64be(end) ‖ mac)`, where `mac` is
//! `HMAC-SHA256(k_n, DST("fairgate/v2/device-session") ‖ D ‖ what stands before it)[0..16]`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::nonce::ProofNonces;
use super::thumbprint::{Jwk, JwkError, PublicKey, Thumbprint};
use crate::keys::{Key, equal, first};

/// A longer response is refused unread.
pub const RESPONSE_BYTES_MAX: usize = 2048;
/// `typ` of a response.
const RESPONSE_TYPE: &str = "dbsc+jwt";
const ALGORITHM: &str = "ES256";
/// Bytes of a name before its MAC.
const SAID_BYTES: usize = 32 + 32 + 32 + 1 + 8 + 8 + 8;
const MAC_BYTES: usize = 16;

/// Why what a device has signed does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// More than [`RESPONSE_BYTES_MAX`] bytes, or not a JWT of a device.
    #[error("the response is not a JWT of type `{RESPONSE_TYPE}` by ES256 with `jti`")]
    Malformed,
    /// No public P-256 key.
    #[error(transparent)]
    Key(#[from] JwkError),
    /// The challenge is over, or another session's: sign the one that the answer brings.
    #[error("the challenge that was signed is over, or another session's")]
    Challenge,
    /// Not by the key.
    #[error("the response's signature is wrong")]
    Signature,
}

/// Whose session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOf {
    /// The key that the ticket names.
    pub owner: Thumbprint,
    /// Whose key that is: a tier and an index, or the number that stands for the line, and a place.
    pub position: (u8, u64),
    /// The place.
    pub place: u64,
    /// When the session ends at the latest, Unix ms.
    pub hard_end_at_ms: u64,
}

/// A session, and the key of the device that keeps it alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSession {
    /// Whose it is.
    pub of: SessionOf,
    /// The device's key.
    pub key: PublicKey,
}

/// The sessions of one draw.
#[derive(Clone, Debug)]
pub struct DeviceSessions {
    key: Key,
    draw: [u8; 32],
    nonces: ProofNonces,
}

#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: Option<Jwk>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
}

impl DeviceSessions {
    /// From the key of [`Purpose::ProofNonce`](crate::keys::Purpose::ProofNonce), and D.
    #[must_use]
    pub fn new(key: Key, draw: [u8; 32]) -> Self {
        Self { nonces: ProofNonces::new(key.clone(), draw), key, draw }
    }

    /// D.
    #[must_use]
    pub fn draw(&self) -> &[u8; 32] {
        &self.draw
    }

    /// What a device signs to bind itself to a session: secret until it is signed.
    #[must_use]
    pub fn invitation(&self, of: &SessionOf, now_ms: u64) -> String {
        let nonce = self.nonces.now(now_ms);
        let mac = URL_SAFE_NO_PAD.encode(self.invited(of, &nonce));
        format!("{nonce}.{mac}")
    }

    /// What a device signs to keep its session alive; the same for everybody.
    #[must_use]
    pub fn challenge(&self, now_ms: u64) -> String {
        self.nonces.now(now_ms)
    }

    /// Binds a device to a session by what it has signed.
    ///
    /// # Errors
    /// Why that does not count.
    pub fn register(&self, response: &str, of: SessionOf, now_ms: u64) -> Result<DeviceSession, DeviceError> {
        let (header, claims, message, signature) = read(response)?;
        let key = header.jwk.ok_or(JwkError::NotP256)?.public()?;
        let (nonce, mac) = claims.jti.split_once('.').ok_or(DeviceError::Challenge)?;
        let shown = URL_SAFE_NO_PAD.decode(mac).map_err(|_| DeviceError::Challenge)?;
        if !self.nonces.is_good(nonce, now_ms) || !equal(&shown, &self.invited(&of, nonce)) {
            return Err(DeviceError::Challenge);
        }
        check_signature(&key, message, signature)?;
        Ok(DeviceSession { of, key })
    }

    /// Checks what a device has signed to keep its session alive.
    ///
    /// # Errors
    /// Why that does not count.
    pub fn check(&self, response: &str, session: &DeviceSession, now_ms: u64) -> Result<(), DeviceError> {
        let (_, claims, message, signature) = read(response)?;
        if !self.nonces.is_good(&claims.jti, now_ms) {
            return Err(DeviceError::Challenge);
        }
        check_signature(&session.key, message, signature)
    }

    /// A session's name.
    #[must_use]
    pub fn name(&self, session: &DeviceSession) -> String {
        let said = said(session);
        URL_SAFE_NO_PAD.encode([&said[..], &self.mac(&said)].concat())
    }

    /// The session of a name; `None` where no edge has made it for this draw.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<DeviceSession> {
        // A longer name is not decoded.
        let bytes = Some(name).filter(|name| name.len() < 2 * SAID_BYTES)?;
        let bytes = URL_SAFE_NO_PAD.decode(bytes).ok().filter(|bytes| bytes.len() == SAID_BYTES + MAC_BYTES)?;
        let (said, mac) = bytes.split_at(SAID_BYTES);
        if !equal(mac, &self.mac(said)) {
            return None;
        }
        let (x, rest) = said.split_first_chunk::<32>()?;
        let (y, rest) = rest.split_first_chunk::<32>()?;
        let (owner, rest) = rest.split_first_chunk::<32>()?;
        let (&tier, rest) = rest.split_first()?;
        let (index, rest) = rest.split_first_chunk::<8>()?;
        let (place, rest) = rest.split_first_chunk::<8>()?;
        let number = |bytes: &[u8; 8]| u64::from_be_bytes(*bytes);
        let of = SessionOf {
            owner: Thumbprint::of_bytes(*owner),
            position: (tier, number(index)),
            place: number(place),
            hard_end_at_ms: number(rest.first_chunk::<8>()?),
        };
        Some(DeviceSession { of, key: PublicKey::of_coordinates(x, y) })
    }

    /// `HMAC-SHA256(k_n, DST("fairgate/v2/device-invitation") ‖ D ‖ jkt ‖ u64be(place) ‖ nonce)[0..16]`.
    fn invited(&self, of: &SessionOf, nonce: &str) -> [u8; MAC_BYTES] {
        let (owner, place) = (of.owner.bytes(), of.place.to_be_bytes());
        first(&self.key.mac("fairgate/v2/device-invitation", &[&self.draw, owner, &place, nonce.as_bytes()]))
    }

    fn mac(&self, said: &[u8]) -> [u8; MAC_BYTES] {
        first(&self.key.mac("fairgate/v2/device-session", &[&self.draw, said]))
    }
}

fn said(session: &DeviceSession) -> Vec<u8> {
    let DeviceSession { of: SessionOf { owner, position: (tier, index), place, hard_end_at_ms }, key } = session;
    let (x, y) = key.bytes();
    let numbers = [index, place, hard_end_at_ms].map(|number| number.to_be_bytes());
    [&x[..], &y, owner.bytes(), &[*tier], &numbers.concat()].concat()
}

type Parts<'r> = (Header, Claims, &'r str, &'r str);

fn read(response: &str) -> Result<Parts<'_>, DeviceError> {
    let fitting = Some(response).filter(|response| response.len() <= RESPONSE_BYTES_MAX);
    let (message, signature) = fitting.and_then(|response| response.rsplit_once('.')).ok_or(DeviceError::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(DeviceError::Malformed)?;
    let header: Header = part(header)?;
    if header.typ != RESPONSE_TYPE || header.alg != ALGORITHM || header.crit.is_some() {
        return Err(DeviceError::Malformed);
    }
    Ok((header, part(claims)?, message, signature))
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, DeviceError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| DeviceError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| DeviceError::Malformed)
}

fn check_signature(key: &PublicKey, message: &str, signature: &str) -> Result<(), DeviceError> {
    let (x, y) = key.coordinates();
    let key = DecodingKey::from_ec_components(x, y).map_err(|_| JwkError::NotP256)?;
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, Algorithm::ES256) {
        Ok(true) => Ok(()),
        _ => Err(DeviceError::Signature),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::binding::signing_key::SigningKey;
    use crate::vectors::{EPOCH, draw, key};

    const NOW_MS: u64 = EPOCH as u64 * 60_000;

    struct Device(SigningKey);

    impl Device {
        fn new() -> Self {
            Self(SigningKey::new())
        }

        fn jwk(&self) -> Value {
            self.0.jwk.clone()
        }

        fn sign(&self, header: &Value, jti: &str) -> String {
            self.0.sign(header, &json!({ "jti": jti }))
        }

        fn registers(&self, jti: &str) -> String {
            self.sign(&json!({"alg": "ES256", "typ": "dbsc+jwt", "jwk": self.jwk()}), jti)
        }

        fn refreshes(&self, jti: &str) -> String {
            self.sign(&json!({"alg": "ES256", "typ": "dbsc+jwt"}), jti)
        }
    }

    fn of(place: u64) -> SessionOf {
        SessionOf { owner: Thumbprint::of_bytes([9; 32]), position: (1, 7), place, hard_end_at_ms: NOW_MS + 1_000 }
    }

    fn sessions() -> DeviceSessions {
        DeviceSessions::new(key(0x43), draw())
    }

    #[test]
    fn who_was_invited_binds_a_device_and_the_device_keeps_the_session_alive() {
        let (sessions, device) = (sessions(), Device::new());
        let invitation = sessions.invitation(&of(3), NOW_MS);
        let session = sessions.register(&device.registers(&invitation), of(3), NOW_MS).expect("it was invited");
        let name = sessions.name(&session);
        assert_eq!(sessions.read(&name), Some(session.clone()));
        let signed = device.refreshes(&sessions.challenge(NOW_MS + 60_000));
        assert_eq!(sessions.check(&signed, &session, NOW_MS + 60_000), Ok(()));
        assert_eq!(sessions.check(&signed, &session, NOW_MS + 180_000), Err(DeviceError::Challenge), "two minutes");
        let other = Device::new().refreshes(&sessions.challenge(NOW_MS));
        assert_eq!(sessions.check(&other, &session, NOW_MS), Err(DeviceError::Signature));
    }

    #[test]
    fn an_invitation_is_for_one_session_and_is_not_what_everybody_knows() {
        let (sessions, device) = (sessions(), Device::new());
        let invitation = sessions.invitation(&of(3), NOW_MS);
        let refused = |jti: &str, of, now_ms| sessions.register(&device.registers(jti), of, now_ms).unwrap_err();
        assert_eq!(refused(&invitation, of(4), NOW_MS), DeviceError::Challenge);
        let another = SessionOf { owner: Thumbprint::of_bytes([8; 32]), ..of(3) };
        assert_eq!(refused(&invitation, another, NOW_MS), DeviceError::Challenge);
        assert_eq!(refused(&invitation, of(3), NOW_MS + 180_000), DeviceError::Challenge);
        assert_eq!(refused(&sessions.challenge(NOW_MS), of(3), NOW_MS), DeviceError::Challenge);
        assert_eq!(refused(&format!("{}.", sessions.challenge(NOW_MS)), of(3), NOW_MS), DeviceError::Challenge);
        let keyless = device.refreshes(&invitation);
        assert_eq!(sessions.register(&keyless, of(3), NOW_MS), Err(DeviceError::Key(JwkError::NotP256)));
        let mut private = device.jwk();
        private["d"] = "AQ".into();
        let private = device.sign(&json!({"alg": "ES256", "typ": "dbsc+jwt", "jwk": private}), &invitation);
        assert_eq!(sessions.register(&private, of(3), NOW_MS), Err(DeviceError::Key(JwkError::Private)));
    }

    #[test]
    fn another_kind_of_token_is_refused_and_so_is_any_other_name() {
        let (sessions, device) = (sessions(), Device::new());
        let session = sessions.register(&device.registers(&sessions.invitation(&of(3), NOW_MS)), of(3), NOW_MS);
        let session = session.expect("it was invited");
        let challenge = sessions.challenge(NOW_MS);
        for header in [
            json!({"alg": "ES256", "typ": "dpop+jwt"}),
            json!({"alg": "none", "typ": "dbsc+jwt"}),
            json!({"alg": "ES256", "typ": "dbsc+jwt", "crit": ["b64"]}),
            json!({"alg": "ES256"}),
        ] {
            let signed = device.sign(&header, &challenge);
            assert_eq!(sessions.check(&signed, &session, NOW_MS), Err(DeviceError::Malformed), "{header}");
        }
        for text in ["", "a.b", "a.b.c", &"x".repeat(RESPONSE_BYTES_MAX + 1)] {
            assert_eq!(sessions.check(text, &session, NOW_MS), Err(DeviceError::Malformed));
        }
        let name = sessions.name(&session);
        for at in 0..name.len() {
            let mut other = name.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).expect("ASCII");
            assert!(sessions.read(&other).is_none_or(|read| read == session), "{at}");
        }
        assert_eq!(DeviceSessions::new(key(0x43), [0; 32]).read(&name), None, "another draw");
        assert_eq!(sessions.read(&format!("{name}AAAA")), None);
        assert_eq!(sessions.read(&"A".repeat(10_000)), None);
    }
}
