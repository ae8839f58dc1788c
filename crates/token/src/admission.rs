//! The pass: the signed token that opens the shop for one session.
//!
//! Guarantees: accepted from `iat` to before `exp`, and never at or after `hard_exp`, whichever edge renewed it. A clock
//! that is ahead ends a pass a little early, never late. A pass that is bound to a key ends at `prove_by`, unless the key is
//! proved again.

use serde::{Deserialize, Serialize};

use super::jws::JwsError;
use super::keys::KeyRing;
use super::keyset::KeySet;
use super::session::SessionId;
use super::ticket::{Confirmation, bytes};

pub(crate) const TYPE: &str = "fairgate-pass+jwt";

/// How far ahead of the checker's clock a pass may have been signed. There is none at the other end: `exp` is exact.
pub const CLOCK_SKEW_MS: u64 = 5_000;

/// How long before its signing a pass is valid (`nbf`), so that a shop whose clock is behind takes a fresh one.
pub const NOT_BEFORE_S: u64 = 60;

/// An admission: one session of one place of one draw. Times are whole seconds, as JWTs have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The room it opens (`aud`).
    pub room: String,
    /// The session (`sub`); follows from draw and place.
    pub session: SessionId,
    /// The draw: the digest D of the descriptor.
    pub draw: [u8; 32],
    /// The place in the line.
    pub place: u64,
    /// When it was signed (`iat`), Unix ms.
    pub issued_at_ms: u64,
    /// When it ends unless it is renewed (`exp`), Unix ms.
    pub expires_at_ms: u64,
    /// When the session ends however often it is renewed (`hard_exp`), Unix ms.
    pub hard_end_at_ms: u64,
    /// The key that it is bound to, where the room binds passes to one.
    pub bound: Option<Box<Bound>>,
}

/// What a pass is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The key's thumbprint (`cnf.jkt`, RFC 7638), base64url.
    pub key: String,
    /// Whose key it is (`of`): a tier and an index, or the number that stands for the line instead of a tier, and a place.
    pub position: (u8, u64),
    /// Until when the pass is good without another proof (`prove_by`), Unix ms.
    pub prove_by_ms: u64,
    /// True if the browser itself proves a key of its device (`dev`): the cookie ends with the pass, so that it does in time.
    pub is_device: bool,
}

/// Why a pass does not open the shop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// Not signed by us, or not a pass.
    #[error(transparent)]
    Token(#[from] JwsError),
    /// The claims are not those of a pass, or contradict each other.
    #[error("the pass's claims cannot be read")]
    Claims,
    /// Another issuer.
    #[error("the pass is from another issuer")]
    Issuer,
    /// A pass for another room.
    #[error("the pass is for another room")]
    Room,
    /// A pass of an earlier or later draw of this room.
    #[error("the pass is of another draw")]
    Draw,
    /// The pass was signed in the future.
    #[error("the pass is not valid yet")]
    NotYet,
    /// `exp` or `hard_exp` is past.
    #[error("the pass has expired")]
    Expired,
    /// The session was ended early.
    #[error("the session was ended")]
    Closed,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: String,
    draw: String,
    place: u64,
    hard_exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<(u8, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prove_by: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    dev: bool,
}

impl Pass {
    /// A pass for a place, its times rounded down to seconds; it never outlives the session's hard end.
    #[must_use]
    pub fn new(
        room: &str,
        draw: [u8; 32],
        place: u64,
        issued_at_ms: u64,
        expires_at_ms: u64,
        hard_end_at_ms: u64,
    ) -> Self {
        let whole_seconds = |ms: u64| ms - ms % 1000;
        Self {
            room: room.to_owned(),
            session: SessionId::of(&draw, place),
            draw,
            place,
            issued_at_ms: whole_seconds(issued_at_ms),
            expires_at_ms: whole_seconds(expires_at_ms.min(hard_end_at_ms)),
            hard_end_at_ms: whole_seconds(hard_end_at_ms),
            bound: None,
        }
    }

    /// The same pass, bound to a key: it ends at `prove_by` at the latest, rounded down to seconds.
    #[must_use]
    pub fn bound_to(mut self, bound: Bound) -> Self {
        let prove_by_ms = bound.prove_by_ms - bound.prove_by_ms % 1000;
        self.expires_at_ms = self.expires_at_ms.min(prove_by_ms);
        self.bound = Some(Box::new(Bound { prove_by_ms, ..bound }));
        self
    }

    /// The pass that follows this one in the same session, bound to what this one is bound to.
    #[must_use]
    pub fn renewed(&self, issued_at_ms: u64, expires_at_ms: u64) -> Self {
        let next = Self::new(&self.room, self.draw, self.place, issued_at_ms, expires_at_ms, self.hard_end_at_ms);
        match &self.bound {
            Some(bound) => next.bound_to((**bound).clone()),
            None => next,
        }
    }

    /// How long a cookie keeps the pass, seconds. One that is bound to a key is kept to the session's hard end, since its
    /// page renews it after it has ended. One that the browser itself keeps alive is kept until the next proof is due, since
    /// its end is what the browser goes by.
    #[must_use]
    pub fn kept_s(&self, now_ms: u64) -> u64 {
        let end_ms = match &self.bound {
            Some(bound) if bound.is_device => bound.prove_by_ms,
            Some(_) => self.hard_end_at_ms,
            None => self.expires_at_ms,
        };
        end_ms.saturating_sub(now_ms) / 1000
    }

    /// True if the pass is bound to a key that has to be proved before the pass opens anything again.
    #[must_use]
    pub fn has_to_prove(&self, now_ms: u64) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.prove_by_ms <= now_ms)
    }

    /// True if the pass is old enough to be renewed, and could still gain by it. `session_idle_ms` is the room's.
    #[inline]
    #[must_use]
    pub fn is_due(&self, session_idle_ms: u64, now_ms: u64) -> bool {
        let age_ms = now_ms.saturating_sub(self.issued_at_ms);
        age_ms > session_idle_ms / 3 && self.expires_at_ms < self.hard_end_at_ms
    }

    /// Checks that the pass is valid at `now_ms`.
    ///
    /// # Errors
    /// [`PassError::NotYet`] or [`PassError::Expired`].
    #[inline]
    pub fn check_time(&self, now_ms: u64) -> Result<(), PassError> {
        if now_ms >= self.expires_at_ms.min(self.hard_end_at_ms) {
            return Err(PassError::Expired);
        }
        if self.issued_at_ms > now_ms.saturating_add(CLOCK_SKEW_MS) {
            return Err(PassError::NotYet);
        }
        Ok(())
    }
}

impl KeyRing {
    /// Signs a pass with the key that signs at its time.
    #[must_use]
    pub fn sign_pass(&self, pass: &Pass) -> String {
        let issued_at = pass.issued_at_ms / 1000;
        let claims = Claims {
            iss: self.public().issuer().to_owned(),
            aud: pass.room.clone(),
            sub: pass.session.to_string(),
            iat: issued_at,
            nbf: issued_at.saturating_sub(NOT_BEFORE_S),
            exp: pass.expires_at_ms / 1000,
            // Two passes of one session signed in the same second say the same: they may share a name.
            jti: format!("{}.{issued_at}", pass.session),
            draw: hex::encode(pass.draw),
            place: pass.place,
            hard_exp: pass.hard_end_at_ms / 1000,
            cnf: pass.bound.as_ref().map(|bound| Confirmation { jkt: bound.key.clone() }),
            of: pass.bound.as_ref().map(|bound| bound.position),
            prove_by: pass.bound.as_ref().map(|bound| bound.prove_by_ms / 1000),
            dev: pass.bound.as_ref().is_some_and(|bound| bound.is_device),
        };
        self.signer(pass.issued_at_ms).sign_pass(&claims)
    }

    /// [`KeySet::verify_pass`] with this ring's keys.
    ///
    /// # Errors
    /// When the pass does not open the room now.
    pub fn verify_pass(&self, token: &str, room: &str, now_ms: u64) -> Result<Pass, PassError> {
        self.public().verify_pass(token, room, now_ms)
    }
}

impl KeySet {
    /// Reads a pass for a room and checks that it is valid now.
    ///
    /// # Errors
    /// When it does not open the room now. Sessions that were ended early are the caller's to refuse.
    pub fn verify_pass(&self, token: &str, room: &str, now_ms: u64) -> Result<Pass, PassError> {
        let pass = self.verify_past_pass(token, room)?;
        pass.check_time(now_ms)?;
        Ok(pass)
    }

    /// Reads a pass for a room that was valid once: what it says stays evidence when it opens nothing any more.
    ///
    /// # Errors
    /// When it never opened the room.
    pub fn verify_past_pass(&self, token: &str, room: &str) -> Result<Pass, PassError> {
        let claims: Claims = self.verify(token, TYPE)?;
        if claims.iss != self.issuer() {
            return Err(PassError::Issuer);
        }
        if claims.aud != room {
            return Err(PassError::Room);
        }
        read(claims).ok_or(PassError::Claims)
    }
}

fn read(claims: Claims) -> Option<Pass> {
    let ms = |seconds: u64| seconds.checked_mul(1000);
    let draw = bytes(&claims.draw)?;
    let pass = Pass::new(&claims.aud, draw, claims.place, ms(claims.iat)?, ms(claims.exp)?, ms(claims.hard_exp)?);
    let pass = match (claims.cnf, claims.of, claims.prove_by) {
        (None, None, None) => pass,
        (Some(Confirmation { jkt: key }), Some(position), Some(prove_by)) if claims.exp <= prove_by => {
            pass.bound_to(Bound { key, position, prove_by_ms: ms(prove_by)?, is_device: claims.dev })
        }
        _ => return None,
    };
    let coherent = claims.sub == pass.session.to_string()
        && claims.exp <= claims.hard_exp
        && claims.nbf <= claims.iat
        && claims.iat <= claims.exp;
    coherent.then_some(pass)
}
