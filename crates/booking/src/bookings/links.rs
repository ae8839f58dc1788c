//! Addresses of bookings: `/bookings/NUMBER#KEY` opens one booking without a pass.
//!
//! Guarantees:
//! - the key is a MAC over the booking's id with a secret of the database, the same at every core
//! - nobody can guess a key or make one up
//! - a key is compared in constant time
//!
//! The key stands behind the `#`, which browsers send nowhere. So it is in no log, no cache and no `Referer`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac::{self, HMAC_SHA256, Key};
use uuid::Uuid;

use crate::db::{Database, DbError};
use crate::number::number;
use crate::sql;

/// The page of bookings, open to whoever has an address or a number: a path that the gate leaves open.
pub const BOOKINGS: &str = "/bookings";
/// Keeps these keys apart from whatever else may be signed with the same secret.
const PURPOSE: &[u8] = b"fairgate/v1/booking-address\0";

/// Makes and checks addresses of bookings.
#[derive(Clone, Debug)]
pub struct Links(Key);

impl Links {
    /// With a secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(Key::new(HMAC_SHA256, secret))
    }

    /// With the secret of a database.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(database: &Database) -> Result<Self, DbError> {
        let client = database.client().await?;
        let statement = client.prepare_cached(sql::LINK_KEY).await?;
        let row = client.query_opt(&statement, &[]).await?;
        let row = row.ok_or_else(|| DbError::Odd("the key of bookings' addresses is gone (table link_key)".into()))?;
        Ok(Self::new(row.get("key")))
    }

    /// A key for something else, which nobody learns from addresses.
    #[must_use]
    pub(crate) fn key_for(&self, purpose: &[u8]) -> [u8; 32] {
        let tag = hmac::sign(&self.0, purpose);
        std::array::from_fn(|at| tag.as_ref()[at])
    }

    /// The address of a booking, from the shop's root.
    #[must_use]
    pub fn of(&self, booking_id: Uuid) -> String {
        let tag = hmac::sign(&self.0, &message(booking_id));
        format!("{BOOKINGS}/{}#{}", number(booking_id), URL_SAFE_NO_PAD.encode(tag))
    }

    /// True if a key opens a booking.
    #[must_use]
    pub fn opens(&self, booking_id: Uuid, key: &str) -> bool {
        let tag = URL_SAFE_NO_PAD.decode(key).unwrap_or_default();
        hmac::verify(&self.0, &message(booking_id), &tag).is_ok()
    }
}

fn message(booking_id: Uuid) -> Vec<u8> {
    [PURPOSE, booking_id.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_opens_its_own_booking_and_no_other() {
        let links = Links::new(&[7; 32]);
        let [one, other] = [1_u128 << 100, 1 << 101].map(Uuid::from_u128);
        let address = links.of(one);
        let (path, key) = address.split_once('#').expect("a key");
        assert_eq!(path, format!("/bookings/{}", number(one)));
        assert_eq!(key.len(), 43);
        assert!(links.opens(one, key) && !links.opens(other, key));
        assert!(!Links::new(&[8; 32]).opens(one, key));
        for forged in ["", "A", &key[1..], &format!("{key}A"), "not base64!"] {
            assert!(!links.opens(one, forged), "{forged:?}");
        }
    }
}
