//! Which installation messages come from, and the pseudonyms of its fans.
//!
//! Guarantees:
//! - all cores and relays of one database are one installation
//! - a pseudonym is the same for the same session, and tells nobody without the key which session that is

use ring::hmac::{self, HMAC_SHA256, Key};
use uuid::Uuid;

use crate::db::{Database, DbError};
use crate::sql;

/// Keeps these pseudonyms apart from whatever else may be made with the same key.
const PURPOSE: &[u8] = b"fairgate/v1/fan\0";
/// Bytes of a pseudonym.
const FAN_BYTES: usize = 8;

/// An installation.
#[derive(Debug)]
pub(crate) struct Installation {
    id: Uuid,
    key: Key,
}

impl Installation {
    pub(super) fn new(id: Uuid, key: &[u8]) -> Self {
        Self { id, key: Key::new(HMAC_SHA256, key) }
    }

    /// The installation of a database.
    pub(crate) async fn load(database: &Database) -> Result<Self, DbError> {
        let client = database.client().await?;
        let statement = client.prepare_cached(sql::INSTALLATION).await?;
        let row = client.query_opt(&statement, &[]).await?;
        let row =
            row.ok_or_else(|| DbError::Odd("the name of the installation is gone (table installation)".into()))?;
        Ok(Self::new(row.get("installation_id"), row.get("fan_key")))
    }

    /// Where messages come from.
    pub(super) fn source(&self) -> String {
        format!("/fairgate/{}", self.id)
    }

    /// The pseudonym of a session.
    pub(super) fn fan(&self, session: &str) -> String {
        fan_name(self.fan_number(session))
    }

    /// The same as a number.
    pub(crate) fn fan_number(&self, session: &str) -> u64 {
        let tag = hmac::sign(&self.key, &[PURPOSE, session.as_bytes()].concat());
        let mut bytes = [0; FAN_BYTES];
        bytes.copy_from_slice(&tag.as_ref()[..FAN_BYTES]);
        u64::from_be_bytes(bytes)
    }
}

/// A pseudonym as messages have it.
pub(crate) fn fan_name(number: u64) -> String {
    format!("{number:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_the_sessions_and_the_installations() {
        let (here, there) = (Installation::new(Uuid::nil(), &[1; 32]), Installation::new(Uuid::nil(), &[2; 32]));
        assert_eq!(here.fan("a"), here.fan("a"));
        assert_eq!(here.fan("a").len(), 16);
        assert_ne!(here.fan("a"), here.fan("b"));
        assert_ne!(here.fan("a"), there.fan("a"));
    }
}
