//! Sends codes by mail, and judges what is typed.
//!
//! Guarantees:
//! - the answer to "send" is the same, in the same time, whether or not a mail went out
//! - an address gets three mails an hour, a network twenty, and nobody more than the mail server bears
//! - no code, address or answer of the mail server is kept or logged
//!
//! The browser has the code's hash in a sealed cookie, so any edge judges it. Tries and limits are this edge's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fairgate_draw::v2::Identity;
use fairgate_entry::heat::NetworkTag;
use fairgate_entry::mail::{Address, MAIL_CODE_S, MAIL_TRIES_MAX, MailKeys, Typed, mail_code};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use moka::sync::Cache;

use super::errand::{Errands, WITHIN};
use crate::observe::{EntryMetrics, MailOutcome};
use fairgate_telemetry::entropy::{self, NoRandomness};

const HOUR: Duration = Duration::from_secs(3600);
const ROWS_MAX: u64 = 100_000;
const AN_ADDRESS: u8 = 3;
const A_NETWORK: u8 = 20;

/// Sends codes for one room.
pub(crate) struct Mailer {
    keys: MailKeys,
    from: Mailbox,
    title: String,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    errands: Errands,
    addresses: Cache<([u8; 16], u64), u8>,
    networks: Cache<(NetworkTag, u64), u8>,
    tries: Cache<[u8; 16], u8>,
    rate: Mutex<Rate>,
    metrics: EntryMetrics,
}

/// Mails a second, as a bucket of one second.
struct Rate {
    per_second: u32,
    second: u64,
    sent: u32,
}

/// A code that was asked for.
pub(crate) struct Sent {
    /// What the browser keeps.
    pub(crate) cookie: String,
    /// For so long, seconds.
    pub(crate) kept_s: u64,
}

/// Why no code was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// The mail server has all that it bears, or does not answer.
    Busy,
    /// There is no randomness.
    NoRandomness,
}

/// What a typed code comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// The fan reads this mailbox.
    Good(Identity),
    /// Wrong, and more tries are left.
    Wrong,
    /// Wrong, and none is left.
    Over,
    /// The browser has asked for no code, or too long ago.
    NotAsked,
}

impl From<NoRandomness> for NotSent {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

impl Mailer {
    /// A mailer by the URL of its server, with user and password in it.
    ///
    /// # Errors
    /// The URL is none.
    pub(crate) fn new(
        keys: MailKeys,
        (from, title): (Mailbox, String),
        url: &str,
        per_second: u32,
        metrics: EntryMetrics,
    ) -> Result<Self, lettre::transport::smtp::Error> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?.timeout(Some(WITHIN)).build();
        Ok(Self {
            keys,
            from,
            title,
            transport,
            errands: Errands::default(),
            addresses: Cache::builder().max_capacity(ROWS_MAX).time_to_live(HOUR).build(),
            networks: Cache::builder().max_capacity(ROWS_MAX).time_to_live(HOUR).build(),
            tries: Cache::builder().max_capacity(ROWS_MAX).time_to_live(Duration::from_secs(MAIL_CODE_S)).build(),
            rate: Mutex::new(Rate { per_second, second: 0, sent: 0 }),
            metrics,
        })
    }

    /// Asks for a code for an address.
    ///
    /// # Errors
    /// Nobody can be sent a mail just now.
    pub(crate) fn send(self: &Arc<Self>, address: Address, network: NetworkTag, now_ms: u64) -> Result<Sent, NotSent> {
        if self.errands.are_failing() || !self.has_room(now_ms) {
            self.metrics.observe_mail(MailOutcome::Busy);
            return Err(NotSent::Busy);
        }
        let code = mail_code(u64::from_be_bytes(entropy::random_bytes()?));
        let asked = self.keys.ask(address, entropy::random_bytes()?, now_ms);
        let cookie = self.keys.seal(&asked, self.keys.row(&asked, &code), entropy::random_bytes()?);
        let hour = now_ms / (1000 * HOUR.as_secs());
        let is_allowed = take(&self.networks, (network, hour), A_NETWORK)
            && take(&self.addresses, (self.keys.address_name(&asked.address), hour), AN_ADDRESS);
        if is_allowed {
            let mailer = Arc::clone(self);
            // Whoever waits for the answer must not learn by its time whether a mail went out.
            tokio::spawn(async move { mailer.deliver(&asked.address, &code).await });
        } else {
            self.metrics.observe_mail(MailOutcome::Held);
        }
        Ok(Sent { cookie, kept_s: MAIL_CODE_S })
    }

    async fn deliver(&self, address: &Address, code: &str) {
        let Some(message) = self.compose(address, code) else { return };
        // A second try could send the code twice, which harms nobody: the second mail says the same.
        let sent = self.errands.run(2, || async {
            match self.transport.send(message.clone()).await {
                Ok(_) => Some(true),
                // The server has answered: this address gets no mail.
                Err(error) if error.is_permanent() => Some(false),
                Err(_) => None,
            }
        });
        let outcome = match sent.await {
            Ok(true) => MailOutcome::Sent,
            Ok(false) => MailOutcome::Refused,
            Err(_) => {
                tracing::warn!(alarm = "entry.mail.unreachable", "the mail server does not take mails; check `smtp`");
                MailOutcome::Failed
            }
        };
        self.metrics.observe_mail(outcome);
    }

    fn compose(&self, address: &Address, code: &str) -> Option<Message> {
        let to = address.deliver_to().parse().ok()?;
        let (one, two) = code.split_at_checked(4)?;
        let text = format!(
            "{}\n\nYour code is {one} {two}.\n\nType it on the page that asked for it, within ten minutes. Nobody will ever ask you \
             for it. If you did not ask for a code, do nothing.\n",
            self.title
        );
        let builder = Message::builder().from(self.from.clone()).to(Mailbox::new(None, to));
        builder.subject(format!("{one} {two}: {}", self.title)).header(ContentType::TEXT_PLAIN).body(text).ok()
    }

    /// Judges a typed code.
    pub(crate) fn check(&self, cookie: Option<&str>, typed: &str, now_ms: u64) -> Checked {
        let Some((asked, row)) = cookie.and_then(|cookie| self.keys.open(cookie, now_ms)) else {
            return Checked::NotAsked;
        };
        let name = self.keys.row_name(&asked);
        let row = row.after(self.tries.get(&name).unwrap_or(0));
        match self.keys.judge(&asked, row, typed) {
            Typed::Good(identity) => {
                self.tries.insert(name, MAIL_TRIES_MAX);
                Checked::Good(identity)
            }
            Typed::Wrong(row) => {
                self.tries.insert(name, row.tries());
                Checked::Wrong
            }
            Typed::Over => {
                self.tries.insert(name, MAIL_TRIES_MAX);
                Checked::Over
            }
        }
    }

    fn has_room(&self, now_ms: u64) -> bool {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        if rate.second != now_ms / 1000 {
            (rate.second, rate.sent) = (now_ms / 1000, 0);
        }
        rate.sent = rate.sent.saturating_add(1);
        rate.sent <= rate.per_second
    }
}

/// Takes one of so many; false where none is left.
pub(super) fn take<K: std::hash::Hash + Eq + Send + Sync + Clone + 'static>(
    of: &Cache<K, u8>,
    key: K,
    most: u8,
) -> bool {
    let taken = of.entry(key).and_upsert_with(|known| known.map_or(1, |known| known.into_value().saturating_add(1)));
    taken.into_value() <= most
}
