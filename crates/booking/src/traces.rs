//! Traces: what bookings of different fans may have in common, as keyed digests.
//!
//! Guarantees:
//! - an address, a mail address and a card are never kept: only 63 bits of an HMAC of them are
//! - the key is another one each day (UTC), and is gone when its day is: nothing leads back, and nothing from day to day
//! - all cores of a database have the same key
//! - where no key is known yet, there are no traces, and nobody waits for one

use std::net::IpAddr;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use ring::hmac::{self, HMAC_SHA256, Key};
use tokio::time::sleep;
use tracing::debug;

use crate::db::{Database, DbError};
use crate::sql;

/// How often it is looked whether another day has begun.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Until there is a key, it is asked for this often.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Domains whose mailboxes have two names.
const SAME_DOMAINS: [(&str, &str); 1] = [("googlemail.com", "gmail.com")];

/// What a hold leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HoldTrace {
    /// The network that the fan came from.
    pub network: Option<i64>,
    /// How old the first pass of the fan's session was. Not known where the session has had another one since.
    pub pass_age_ms: Option<i32>,
}

/// Makes traces.
#[derive(Debug)]
pub struct Traces {
    database: Database,
    key: ArcSwapOption<Key>,
}

impl Traces {
    /// No key yet: it comes with [`Self::run`].
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, key: ArcSwapOption::empty() }
    }

    /// Takes over the key of each day, for ever.
    pub async fn run(&self) {
        loop {
            let rest = match self.take_over().await {
                Ok(()) => LOOK_EVERY,
                Err(error) => {
                    debug!(%error, "the day's key of traces could not be read yet");
                    if self.key.load().is_some() { LOOK_EVERY } else { RETRY_AFTER }
                }
            };
            sleep(rest).await;
        }
    }

    async fn take_over(&self) -> Result<(), DbError> {
        let client = self.database.client().await?;
        let make = client.prepare_cached(sql::TRACE_KEY_MAKE).await?;
        client.execute(&make, &[]).await?;
        let get = client.prepare_cached(sql::TRACE_KEY_GET).await?;
        let row = client.query_opt(&get, &[]).await?;
        let row = row.ok_or_else(|| DbError::Odd("a day has ended while its key was read".to_owned()))?;
        let key: Vec<u8> = row.get("key");
        self.key.store(Some(Key::new(HMAC_SHA256, &key).into()));
        Ok(())
    }

    /// The network of an address: its /24, or its /48 where it is an IPv6 address.
    #[must_use]
    pub fn network(&self, address: IpAddr) -> Option<i64> {
        let block = match address.to_canonical() {
            IpAddr::V4(address) => address.octets()[..3].to_vec(),
            IpAddr::V6(address) => address.octets()[..6].to_vec(),
        };
        self.digest(b"network\0", &block)
    }

    /// The mailbox that a mail address leads to.
    #[must_use]
    pub fn mailbox(&self, address: &str) -> Option<i64> {
        self.digest(b"mailbox\0", mailbox(address).as_bytes())
    }

    /// The card that the payment provider recognises by this name.
    #[must_use]
    pub fn card(&self, method: &str) -> Option<i64> {
        self.digest(b"card\0", method.as_bytes())
    }

    fn digest(&self, purpose: &[u8], what: &[u8]) -> Option<i64> {
        let key = self.key.load();
        let tag = hmac::sign(key.as_ref()?, &[purpose, what].concat());
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&tag.as_ref()[..8]);
        Some((u64::from_be_bytes(bytes) >> 1).cast_signed())
    }
}

/// What many providers take for the same mailbox: without case, without dots before the `@`, and without what follows a `+`.
fn mailbox(address: &str) -> String {
    let address = address.trim().to_lowercase();
    let Some((local, domain)) = address.rsplit_once('@') else { return address };
    let local = local.split('+').next().unwrap_or_default().replace('.', "");
    let domain = SAME_DOMAINS.iter().find(|(other, _)| *other == domain).map_or(domain, |(_, own)| own);
    format!("{local}@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(key: Option<u8>) -> Traces {
        let database = Database::new("postgresql://nobody@127.0.0.1:1/none").expect("a URL");
        let key = key.map(|byte| Key::new(HMAC_SHA256, &[byte; 32]).into());
        Traces { database, key: ArcSwapOption::new(key) }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_mailbox_has_many_addresses() {
        for same in ["A.N.Other@example.com", "another+tickets@Example.com", " another@example.com"] {
            assert_eq!(mailbox(same), "another@example.com");
        }
        assert_eq!(mailbox("a.b@googlemail.com"), mailbox("ab+c@gmail.com"));
        assert_ne!(mailbox("a@example.com"), mailbox("b@example.com"));
        assert_ne!(mailbox("a@example.com"), mailbox("a@example.org"));
    }

    #[tokio::test]
    async fn neighbours_are_one_network_and_another_day_is_another_name() {
        let (today, tomorrow, none) = (traces(Some(1)), traces(Some(2)), traces(None));
        let of = |text: &str| today.network(address(text));
        assert_eq!(of("192.0.2.1"), of("192.0.2.200"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.9"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:ffff::1"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
        assert_ne!(today.mailbox("a@example.com"), tomorrow.mailbox("a@example.com"));
        assert_ne!(today.mailbox("a@example.com"), today.card("a@example.com"), "each purpose has names of its own");
        assert_eq!(none.network(address("192.0.2.1")), None);
        assert!(of("192.0.2.1").is_some_and(|digest| digest >= 0));
    }
}
