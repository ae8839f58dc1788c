//! The mail worker: takes messages, sends mails, and leaves what fails to the queue's schedule.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use futures_util::future::join_all;
use lettre::message::Mailbox;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::letter::Letter;
use super::post::{Post, PostError};
use crate::bookings::links::Links;
use crate::db::{Database, DbError};
use crate::outbox::metrics::{Outcome, WorkerMetrics};
use crate::outbox::{Delivery, Kind, Message, QueueError, WorkQueue};
use crate::sql;
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::supervise::{Pulse, Supervisor};

/// The name of the mail worker, for whoever reads the log or a stream.
pub const MAIL: &str = "mail";
/// What people get mails about.
pub const MAILED: [Kind; 4] = [Kind::Booked, Kind::Cancelled, Kind::Refunded, Kind::ReminderDue];

/// Messages worked on at the same moment; all of them are through before a lease ends.
const AT_ONCE: usize = 8;
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// A worker that has finished no round for so long is not well: longer than a mail server and the database may take.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// Sends mails.
pub struct MailWorker {
    database: Database,
    queue: Arc<dyn WorkQueue>,
    post: Post,
    from: Mailbox,
    public: Option<PublicShop>,
    watch: Arc<MailWatch>,
}

/// By what a mail worker is watched.
#[derive(Debug)]
pub struct MailWatch {
    metrics: WorkerMetrics,
    pulse: Option<Pulse>,
}

impl MailWatch {
    /// A pulse named `mail`, and metrics.
    #[must_use]
    pub fn new(supervisor: &Supervisor, metrics: WorkerMetrics) -> Self {
        Self { metrics: metrics.of_worker(MAIL), pulse: Some(supervisor.pulse_within(MAIL, SILENCE_MAX)) }
    }

    /// Only metrics, for a process that is well without mails.
    #[must_use]
    pub fn without_pulse(metrics: WorkerMetrics) -> Self {
        Self { metrics: metrics.of_worker(MAIL), pulse: None }
    }
}

/// Where fans find the shop, for the addresses of bookings in mails.
#[derive(Clone, Debug)]
pub struct PublicShop {
    /// Like `https://tickets.example.com`, without a `/` at its end.
    pub url: String,
    /// Makes the addresses.
    pub links: Links,
}

/// Why a message did not become a mail.
#[derive(Debug, thiserror::Error)]
enum MailError {
    #[error("the message cannot be read: {0}")]
    Unreadable(serde_json::Error),
    #[error(transparent)]
    Post(#[from] PostError),
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<tokio_postgres::Error> for MailError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

impl MailWorker {
    /// A worker; any number may run.
    #[must_use]
    pub fn new(
        database: Database,
        queue: Arc<dyn WorkQueue>,
        (post, from): (Post, Mailbox),
        public: Option<PublicShop>,
        watch: Arc<MailWatch>,
    ) -> Self {
        Self { database, queue, post, from, public, watch }
    }

    /// Works for ever.
    pub async fn run(&self) {
        tokio::join!(self.work_on(), self.measure(), self.queue.tend());
    }

    async fn work_on(&self) {
        let mut fails = false;
        loop {
            match self.run_once().await {
                Ok(()) => {
                    fails = false;
                    if let Some(pulse) = &self.watch.pulse {
                        pulse.beat();
                    }
                }
                Err(error) => {
                    self.watch.metrics.count_failed_mail_round();
                    // Once for each time that it begins to fail.
                    if !std::mem::replace(&mut fails, true) {
                        warn!(%error, "mails cannot be worked on; it is tried again and again");
                    }
                    sleep(AGAIN_AFTER).await;
                    // A Redis that forgot everything has forgotten the group, too.
                    let _ = self.queue.declare().await;
                }
            }
        }
    }

    /// Looks at what is pending and dead; while the queue does not answer, the figures stay what they were.
    async fn measure(&self) {
        loop {
            if let Ok(standing) = self.queue.standing().await {
                self.watch.metrics.set_standing(self.queue.name(), &standing, SystemClock.now_ms());
            }
            sleep(MEASURE_EVERY).await;
        }
    }

    /// Works on what is there.
    ///
    /// # Errors
    /// When the queue cannot be reached.
    pub async fn run_once(&self) -> Result<(), QueueError> {
        let deliveries = self.queue.take(AT_ONCE).await?;
        let worked = join_all(deliveries.iter().map(|delivery| self.work(delivery))).await;
        worked.into_iter().collect()
    }

    async fn work(&self, delivery: &Delivery) -> Result<(), QueueError> {
        let attempts = delivery.attempts;
        match self.mail(delivery).await {
            Ok(()) => self.queue.done(delivery).await,
            Err(error @ (MailError::Unreadable(_) | MailError::Post(PostError::Unfit(_)))) => {
                error!(%error, "a message can never be mailed: it is among the dead letters");
                self.watch.metrics.count_mail(Outcome::Dead);
                self.queue.bury(delivery, &error.to_string()).await
            }
            Err(error) => {
                if self.queue.failed(delivery, &error.to_string()).await? {
                    self.watch.metrics.count_mail(Outcome::Dead);
                    error!(%error, attempts, "a mail failed for good: it is among the dead letters");
                } else {
                    self.watch.metrics.count_mail(Outcome::Failed);
                    warn!(%error, attempts, "a mail failed and is tried again");
                }
                Ok(())
            }
        }
    }

    /// Sends the mail that a message should become, if any, unless it was sent.
    async fn mail(&self, delivery: &Delivery) -> Result<(), MailError> {
        let message = Message::read(&delivery.message).map_err(MailError::Unreadable)?;
        // What only a newer program knows is none of ours.
        let Some(message) = message else { return Ok(()) };
        let Some(booking) = &message.booking else { return Ok(()) };
        if !MAILED.contains(&message.kind) {
            return Ok(());
        }
        let client = self.database.client().await?;
        let due = client.prepare_cached(sql::MAIL_DUE).await?;
        let Some(row) = client.query_opt(&due, &[&booking.booking_id, &message.id]).await? else { return Ok(()) };
        drop(client);
        if row.get("sent") {
            return Ok(());
        }
        let address = self.public.as_ref().map(|shop| format!("{}{}", shop.url, shop.links.of(booking.booking_id)));
        let letter = Letter::about(&message, address.as_deref(), row.get("zone"));
        let Some(letter) = letter else { return Ok(()) };
        // The mail's date is the message's: sent again, it is the same mail.
        let at = message.at.parse::<jiff::Timestamp>().map_or(UNIX_EPOCH, Into::into);
        self.post.send(&self.from, row.get("email"), &letter, at).await?;
        let client = self.database.client().await?;
        let done = client.prepare_cached(sql::MAIL_DONE).await?;
        client.execute(&done, &[&message.id]).await?;
        self.watch.metrics.count_mail(Outcome::Sent);
        info!(message = message.id, kind = ?message.kind, "sent a mail");
        Ok(())
    }
}
