//! Accounts of buyers: signed in by a code that is mailed, they see all bookings that were paid with their address.
//!
//! Guarantees:
//! - the answer to whoever asks for a code is the same, and is given before anything is looked up, whether or not an address is known
//! - a code is good for ten minutes, five tries and one use, in the browser that asked for it ([`fairgate_entry::mail`])
//! - whoever reads the tables is signed in nowhere: they have digests of sessions
//! - deleting an account touches no booking
//!
//! There are no passwords, so none can leak. Buying needs no account.

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use fairgate_entry::keys::Key;
use fairgate_entry::mail::{Address, MAIL_CODE_S, MailKeys, Typed, mail_code};
use lettre::message::Mailbox;
use ring::digest::{SHA256, digest};
use tracing::{info, warn};
use uuid::Uuid;

use crate::bookings::Bookings;
use crate::bookings::answer::BookingAnswer;
use crate::bookings::links::Links;
use crate::db::{Database, DbError, DbTime};
use crate::mail_address::read_address;
use crate::outbox::mail::{Letter, Post};
use crate::sql;
use fairgate_core::rate_limit::{Network, Quota, Table, Verdict, networks};
use fairgate_telemetry::entropy::{NoRandomness, random_bytes};

/// Keeps the key of codes apart from those of addresses.
const PURPOSE: &[u8] = b"fairgate/v1/account-codes\0";
/// Addresses and networks that are remembered, 16 bytes each.
const REMEMBERED: usize = 32_768;
/// Codes that one address is sent.
const BY_ADDRESS: Quota = Quota { per_minute: 1, burst: 3 };
/// Asks and tries of one network.
const BY_NETWORK: Quota = Quota { per_minute: 30, burst: 30 };
const ADDRESS: u8 = 0;
const NETWORK: u8 = 1;
/// Sessions of a person, besides the one that begins.
const SESSIONS_MAX: i64 = 19;
/// Bookings that are listed.
const BOOKINGS_MAX: i64 = 100;
const AGENT_CHARS_MAX: usize = 200;
/// A code that was used counts for more tries than there are.
const USED: i16 = 100;
/// How long a session lasts without use, seconds.
pub const SESSION_S: u64 = 30 * 24 * 3600;

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// This core sends no mails.
    #[error("this core sends no mails")]
    NotOffered,
    /// The browser has no session that counts.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// The text is no address; the words say why.
    #[error("{0}")]
    Address(String),
    /// The code is wrong, over, used, or of another browser.
    #[error("the code is not the one")]
    WrongCode,
    /// Too many tries.
    #[error("too many tries")]
    TooMany {
        /// When the next one is allowed, s.
        retry_after_s: u32,
    },
    /// The system has no randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The database cannot be reached.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<tokio_postgres::Error> for AccountError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    person_id: Uuid,
    /// The mail address, in lower case.
    pub email: String,
    /// The session with which they came.
    pub session_id: Uuid,
}

/// A browser in which somebody is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub session_id: Uuid,
    /// What the browser calls itself.
    pub agent: String,
    /// Since when.
    pub made_at: DbTime,
    /// When it was used last.
    pub seen_at: DbTime,
}

/// The accounts of a database.
#[derive(Debug)]
pub struct Accounts {
    database: Database,
    keys: MailKeys,
    post: Option<(Post, Mailbox)>,
    limits: Table,
}

impl Accounts {
    /// For one core; without `post` nobody can sign in.
    #[must_use]
    pub fn new(database: Database, links: &Links, post: Option<(Post, Mailbox)>) -> Self {
        let keys = MailKeys::new(&Key::from_bytes(links.key_for(PURPOSE)));
        Self { database, keys, post, limits: Table::new(REMEMBERED) }
    }

    /// Has a code sent to an address, if somebody has paid with it. Answers what the browser keeps until the code is typed.
    ///
    /// # Errors
    /// [`AccountError`].
    pub fn ask(&self, email: &str, client: Option<IpAddr>, now_ms: u64) -> Result<String, AccountError> {
        let (post, from) = self.post.clone().ok_or(AccountError::NotOffered)?;
        self.limit(client, now_ms)?;
        let email = read_address(email).map_err(|error| AccountError::Address(error.to_string()))?;
        let address = Address::read(&email).map_err(|error| AccountError::Address(error.to_string()))?;
        let name = u128::from_be_bytes(self.keys.address_name(&address));
        let may_send = matches!(self.limits.ask(ADDRESS, name, &BY_ADDRESS, now_ms * 1000), Verdict::Allowed { .. });
        let (id, code) = (random_bytes()?, mail_code(u64::from_be_bytes(random_bytes()?)));
        let asked = self.keys.ask(address, id, now_ms);
        let cookie = self.keys.seal(&asked, self.keys.row(&asked, &code), random_bytes()?);
        if may_send {
            let (database, letter) = (self.database.clone(), letter(id, &code));
            let at = UNIX_EPOCH + Duration::from_millis(now_ms);
            tokio::spawn(async move {
                match has_paid(&database, &email.to_lowercase()).await {
                    Ok(true) => match post.send(&from, &email, &letter, at).await {
                        Ok(()) => info!("sent a code"),
                        Err(error) => warn!(%error, "a code cannot be sent"),
                    },
                    Ok(false) => {}
                    Err(error) => warn!(%error, "a code is not sent"),
                }
            });
        }
        Ok(cookie)
    }

    /// Signs in whoever types the code that was sent: answers what the browser keeps from now on.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn check(
        &self,
        cookie: Option<&str>,
        typed: &str,
        agent: &str,
        client: Option<IpAddr>,
        now_ms: u64,
    ) -> Result<String, AccountError> {
        self.limit(client, now_ms)?;
        let opened = cookie.and_then(|cookie| self.keys.open(cookie, now_ms));
        let (asked, row) = opened.ok_or(AccountError::WrongCode)?;
        let name = self.keys.row_name(&asked);
        let tried = self.count(&name, 1).await?;
        let before = u8::try_from(tried - 1).unwrap_or(u8::MAX);
        let Typed::Good(_) = self.keys.judge(&asked, row.after(before), typed) else {
            return Err(AccountError::WrongCode);
        };
        // Of two that type it at the same moment one is first.
        if self.count(&name, USED).await? >= 2 * USED {
            return Err(AccountError::WrongCode);
        }
        let token = hex::encode(random_bytes::<32>()?);
        let agent: String = agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect();
        let client = self.database.client().await?;
        let sign_in = client.prepare_cached(sql::PERSON_SIGN_IN).await?;
        let email = asked.address.deliver_to().to_lowercase();
        client.execute(&sign_in, &[&email, &hash(&token), &agent, &SESSIONS_MAX]).await?;
        Ok(token)
    }

    /// Who is signed in.
    ///
    /// # Errors
    /// [`AccountError::NotSignedIn`], and where the database cannot be reached.
    pub async fn person(&self, token: Option<&str>) -> Result<Person, AccountError> {
        let token = token.filter(|token| token.len() == 64).ok_or(AccountError::NotSignedIn)?;
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::PERSON_OF_SESSION).await?;
        let row = client.query_opt(&statement, &[&hash(token)]).await?.ok_or(AccountError::NotSignedIn)?;
        let (person_id, email, session_id) = (row.get("person_id"), row.get("email"), row.get("session_id"));
        Ok(Person { person_id, email, session_id })
    }

    /// The bookings that were paid with a person's address, newest first.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn bookings(&self, person: &Person, bookings: &Bookings) -> Result<Vec<BookingAnswer>, AccountError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::PERSON_BOOKINGS).await?;
        let rows = client.query(&statement, &[&person.email, &BOOKINGS_MAX]).await?;
        drop(client);
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.extend(bookings.show(row.get("booking_id")).await?);
        }
        Ok(found)
    }

    /// Where a person is signed in, the latest first.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn sessions(&self, person: &Person) -> Result<Vec<Session>, AccountError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::PERSON_SESSIONS).await?;
        let rows = client.query(&statement, &[&person.person_id]).await?;
        let read = |row: &tokio_postgres::Row| Session {
            session_id: row.get("session_id"),
            agent: row.get("agent"),
            made_at: row.get("made_at"),
            seen_at: row.get("seen_at"),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Ends a session of a person; one that is over already is no mistake.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn end(&self, person: &Person, session_id: Uuid) -> Result<(), AccountError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::PERSON_SESSION_END).await?;
        client.execute(&statement, &[&person.person_id, &session_id]).await?;
        Ok(())
    }

    /// Deletes a person, and nothing of their bookings.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn delete(&self, person: &Person) -> Result<(), AccountError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::PERSON_DELETE).await?;
        client.execute(&statement, &[&person.person_id]).await?;
        Ok(())
    }

    fn limit(&self, client: Option<IpAddr>, now_ms: u64) -> Result<(), AccountError> {
        for Network { key, factor } in client.into_iter().flat_map(networks) {
            let verdict = self.limits.ask(NETWORK, key, &BY_NETWORK.times(factor), now_ms * 1000);
            if let Verdict::Refused { retry_after_ms } = verdict {
                let retry_after_s = u32::try_from(retry_after_ms.div_ceil(1000)).unwrap_or(u32::MAX);
                return Err(AccountError::TooMany { retry_after_s });
            }
        }
        Ok(())
    }

    async fn count(&self, name: &[u8; 16], tries: i16) -> Result<i16, AccountError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::CODE_TRY_ADD).await?;
        Ok(client.query_one(&statement, &[&name.as_slice(), &tries]).await?.get("tries"))
    }
}

async fn has_paid(database: &Database, email: &str) -> Result<bool, DbError> {
    let client = database.client().await?;
    let statement = client.prepare_cached(sql::PERSON_HAS_PAID).await?;
    Ok(client.query_one(&statement, &[&email]).await?.get("has_paid"))
}

fn hash(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

fn letter(id: [u8; 16], code: &str) -> Letter {
    let (first, second) = code.split_at(code.len() / 2);
    let minutes = MAIL_CODE_S / 60;
    Letter {
        message_id: format!("<code.{}@fairgate>", hex::encode(id)),
        subject: format!("Your code: {first} {second}"),
        text: format!(
            "Your code is {first} {second}.\n\nType it on the page on which you asked for it, within {minutes} minutes. It shows all \
             of your bookings there.\n\nIf you did not ask for it, somebody typed your address by mistake: nothing has happened.\n"
        ),
        calendar: None,
    }
}
