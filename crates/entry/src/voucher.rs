//! Vouchers: what every slow way to show that one is a person ends in, so that the join itself only opens a seal.
//!
//! Guarantees:
//! - a voucher is one of ours, for this room, and not past its end
//! - what is no identity is made for one entry and cannot be carried to another
//! - nobody but an edge reads the subject
//!
//! A voucher has at most [`VOUCHER_BYTES_MAX`] bytes.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_draw::v2::{Identity, Method, TIERS_MAX};
use serde::{Deserialize, Serialize};

use crate::bond::{Bond, sha256};
use crate::epoch::Epoch;
use crate::keys::{Key, first};
use crate::sealed::{self, SEAL_NONCE_BYTES, Sealer};
use crate::way::{ENTRIES_MAX, Person, WayName};

/// A longer voucher is refused unread.
pub const VOUCHER_BYTES_MAX: usize = 1024;
/// How long an identity is vouched for at most, seconds: a fan signs in days before.
pub const IDENTITY_S_MAX: u64 = 7 * 24 * 3600;
/// How long a check that was shown at the claim is good, seconds.
pub const CLAIM_S_MAX: u64 = 600;

/// The tier that stands for the line, which has none.
pub const LINE_TIER: u8 = 15;

/// What a voucher was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Whoever holds it: an identity, which is one entry by itself.
    Holder,
    /// One entry at its join.
    Entry(Bond),
    /// One entry at its claim.
    Position {
        /// The tier's index, or [`LINE_TIER`].
        tier: u8,
        /// The index in the tier's roster, or the place in the line.
        index: u64,
    },
}

/// What an edge says of somebody who has shown something.
#[derive(Clone, PartialEq, Eq)]
pub struct Voucher {
    /// The way by which it was shown.
    pub way: WayName,
    /// What was shown.
    pub person: Person,
    /// Until when it is good, Unix seconds; from that second on it is not.
    pub expires_s: u64,
    /// What it was made for.
    pub bound: Bound,
}

/// Why a voucher is not made or not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VoucherError {
    /// Something that is no identity, for anybody who holds it.
    #[error("a voucher without an identity must be for one entry")]
    Unbound,
    /// A tier or number of entries that there cannot be.
    #[error("the voucher's tier or number of entries is outside its bounds")]
    Bounds,
    /// The sealed text would have more than [`VOUCHER_BYTES_MAX`] bytes.
    #[error("the subject is too long for a voucher of {VOUCHER_BYTES_MAX} bytes; let the provider give a shorter one")]
    TooLong,
    /// Not sealed by us, not for this room, or changed.
    #[error("the voucher is not one of this room's")]
    Foreign,
    /// The voucher's time is over.
    #[error("the voucher has expired; show it again")]
    Expired,
}

/// The sealed content, members in the published order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    m: Option<String>,
    s: Option<String>,
    t: Option<u8>,
    n: u8,
    w: String,
    e: u64,
    b: Option<Binding>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Binding {
    Bond(String),
    Position(u8, u64),
}

/// The key that seals and opens vouchers.
#[derive(Debug)]
pub struct VoucherKey(Sealer);

impl VoucherKey {
    /// From the key of [`Purpose::Voucher`](crate::keys::Purpose::Voucher).
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self(Sealer::new(key))
    }

    /// Seals a voucher for a room. `nonce` is random, and new each time.
    ///
    /// # Errors
    /// When it would vouch for what it must not, or is too long.
    pub fn seal(&self, voucher: &Voucher, room: &str, nonce: [u8; SEAL_NONCE_BYTES]) -> Result<String, VoucherError> {
        voucher.check()?;
        let content = serde_json::to_vec(&Content::of(voucher)).expect("strings and numbers have a JSON form");
        if sealed::text_length(content.len()) > VOUCHER_BYTES_MAX {
            return Err(VoucherError::TooLong);
        }
        Ok(self.0.seal(room, nonce, content))
    }

    /// Opens a voucher that is good now in a room. Whether it is for this entry is [`Voucher::is_for`]'s to say.
    ///
    /// # Errors
    /// When it is not ours, is another room's, or its time is over.
    pub fn open(&self, text: &str, room: &str, now_ms: u64) -> Result<Voucher, VoucherError> {
        let content = self.0.open(room, text, VOUCHER_BYTES_MAX).ok_or(VoucherError::Foreign)?;
        let content: Content = serde_json::from_slice(&content).map_err(|_| VoucherError::Foreign)?;
        let voucher = content.voucher().ok_or(VoucherError::Foreign)?;
        voucher.check()?;
        if voucher.expires_s.saturating_mul(1000) <= now_ms {
            return Err(VoucherError::Expired);
        }
        Ok(voucher)
    }
}

/// The id of a voucher's text: `base64url(H(voucher)[0..16])`. It is the credential of the bond, and may be shown.
#[must_use]
pub fn voucher_id(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(first::<16>(&sha256(text.as_bytes())))
}

impl Voucher {
    /// For an identity, until `lasts_s` from now ([`IDENTITY_S_MAX`] at most).
    #[must_use]
    pub fn of_identity(way: &WayName, person: Person, now_ms: u64, lasts_s: u64) -> Self {
        let expires_s = now_ms / 1000 + lasts_s.min(IDENTITY_S_MAX);
        Self { way: way.clone(), person, expires_s, bound: Bound::Holder }
    }

    /// For a check of one entry at its join: ends with the next epoch.
    #[must_use]
    pub fn of_check(way: &WayName, bond: Bond, now_ms: u64) -> Self {
        let expires_s = Epoch::of(now_ms).until_ms() / 1000;
        Self { way: way.clone(), person: Person::checked(), expires_s, bound: Bound::Entry(bond) }
    }

    /// For a check of one entry at its claim: lasts [`CLAIM_S_MAX`].
    #[must_use]
    pub fn of_claim(way: &WayName, tier: u8, index: u64, now_ms: u64) -> Self {
        let expires_s = now_ms / 1000 + CLAIM_S_MAX;
        Self { way: way.clone(), person: Person::checked(), expires_s, bound: Bound::Position { tier, index } }
    }

    /// Whether it counts for what somebody does now: `now` is the bond of the join, or the position of the claim.
    #[must_use]
    pub fn is_for(&self, now: &Bound) -> bool {
        self.bound == Bound::Holder || self.bound == *now
    }

    fn check(&self) -> Result<(), VoucherError> {
        if self.person.identity.is_none() && self.bound == Bound::Holder {
            return Err(VoucherError::Unbound);
        }
        let is_tier = |tier: u8| usize::from(tier) < TIERS_MAX;
        let is_number = (1..=ENTRIES_MAX).contains(&self.person.entries);
        let is_place = !matches!(self.bound, Bound::Position { tier, .. } if !is_tier(tier));
        let is_within = is_number && is_place && self.person.tier.is_none_or(is_tier);
        is_within.then_some(()).ok_or(VoucherError::Bounds)
    }
}

impl fmt::Debug for Voucher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Voucher")
            .field("way", &self.way)
            .field("person", &self.person)
            .field("expires_s", &self.expires_s)
            .finish_non_exhaustive()
    }
}

impl Content {
    fn of(voucher: &Voucher) -> Self {
        let identity = voucher.person.identity.as_ref();
        let b = match voucher.bound {
            Bound::Holder => None,
            Bound::Entry(bond) => Some(Binding::Bond(bond.to_base64url())),
            Bound::Position { tier, index } => Some(Binding::Position(tier, index)),
        };
        Self {
            m: identity.map(|identity| identity.method().to_string()),
            s: identity.map(|identity| identity.subject().to_owned()),
            t: voucher.person.tier,
            n: voucher.person.entries,
            w: voucher.way.as_str().to_owned(),
            e: voucher.expires_s,
            b,
        }
    }

    fn voucher(self) -> Option<Voucher> {
        let identity = match (self.m, self.s) {
            (Some(method), Some(subject)) => Some(Identity::new(Method::new(method).ok()?, &subject).ok()?),
            (None, None) => None,
            _ => return None,
        };
        let bound = match self.b {
            None => Bound::Holder,
            Some(Binding::Bond(text)) => Bound::Entry(Bond::from_base64url(&text)?),
            Some(Binding::Position(tier, index)) => Bound::Position { tier, index },
        };
        let person = Person { identity, tier: self.t, entries: self.n };
        Some(Voucher { way: WayName::new(&self.w).ok()?, person, expires_s: self.e, bound })
    }
}

#[cfg(test)]
mod tests;
