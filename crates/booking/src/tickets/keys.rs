//! The private keys that tickets are signed with, as the table `ticket_key` has them.

use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::db::{Client, DbError};
use crate::sql;

/// Keys of a seller, of which the last one signs.
pub const KEYS_MAX: usize = 16;

/// A private key.
#[derive(Debug)]
pub struct TicketKey {
    id: u8,
    pair: Ed25519KeyPair,
}

impl TicketKey {
    /// From its seed of 32 bytes; `None` where it has another length.
    #[must_use]
    pub fn new(id: u8, seed: &[u8]) -> Option<Self> {
        Some(Self { id, pair: Ed25519KeyPair::from_seed_unchecked(seed).ok()? })
    }

    /// The keys of a database, the one that signs last; never none.
    ///
    /// # Errors
    /// When the database cannot be read, or has no key.
    pub(super) async fn load(client: &Client) -> Result<Vec<Self>, DbError> {
        let statement = client.prepare_cached(sql::TICKET_KEYS).await?;
        let rows = client.query(&statement, &[]).await?;
        let odd = |what: &str| DbError::Odd(format!("{what} (table ticket_key)"));
        let read = |row: &tokio_postgres::Row| {
            let id = u8::try_from(row.get::<_, i16>("key_id")).ok()?;
            Self::new(id, row.get("seed"))
        };
        let keys: Option<Vec<Self>> = rows.iter().map(read).collect();
        let keys = keys.ok_or_else(|| odd("a key of tickets has no number or no seed that is one"))?;
        match keys.len() {
            0 => Err(odd("the key of tickets is gone")),
            many if many > KEYS_MAX => Err(odd("there are more than 16 keys of tickets: delete the oldest")),
            _ => Ok(keys),
        }
    }

    /// Its number, from 1.
    #[must_use]
    pub fn id(&self) -> u8 {
        self.id
    }

    /// The public half, 32 bytes.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}
