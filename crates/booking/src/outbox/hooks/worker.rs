//! Telling organizers' systems: one worker for each, and a keeper who starts and stops them as rows come and go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tracing::{info, warn};
use uuid::Uuid;

use super::courier::{Courier, HookError};
use super::farewell::Farewells;
use super::sign::HookSecret;
use super::table::{HookRow, HookTable};
use crate::db::{Database, DbError};
use crate::outbox::metrics::HookMetrics;
use crate::outbox::{Delivery, Kind, LogQueue, QueueError, Schedule, WorkQueue};
use fairgate_telemetry::clock::{Clock, SystemClock};

/// How often rows are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Messages told at the same moment.
const AT_ONCE: usize = 4;
/// A system that has taken nothing for so long is switched off.
const FAILING_MAX_S: f64 = 3.0 * 24.0 * 3600.0;
/// The same for one for which so many messages wait.
const WAITING_MAX: usize = 100_000;
/// After a failure nothing is tried for so long, and then for twice as long, up to the longest.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The name under which a system reads the change log.
#[must_use]
pub fn reader_of(hook: &str) -> String {
    format!("hook-{hook}")
}

/// Keeps a worker for each system that is on.
#[derive(Debug)]
pub struct HookKeeper {
    database: Database,
    table: HookTable,
    metrics: HookMetrics,
    schedule: Schedule,
    workers: Mutex<HashMap<Uuid, AbortHandle>>,
    /// How contacts are told that their systems are off; nobody is without it.
    farewells: Option<Farewells>,
    /// Until then no mail is tried.
    no_mail_until: Mutex<Option<Instant>>,
}

impl HookKeeper {
    /// A keeper; any number may run, and one of them tells.
    #[must_use]
    pub fn new(database: Database, metrics: HookMetrics, schedule: Schedule, farewells: Option<Farewells>) -> Self {
        let table = HookTable::new(database.clone());
        let (workers, no_mail_until) = (Mutex::default(), Mutex::default());
        Self { database, table, metrics, schedule, workers, farewells, no_mail_until }
    }

    /// Keeps for ever.
    pub async fn run(&self) {
        let mut fails = false;
        loop {
            let looked = match self.look().await {
                Ok(()) => self.tell_contacts().await,
                Err(error) => Err(error),
            };
            match looked {
                Ok(()) => fails = false,
                Err(error) => {
                    if !std::mem::replace(&mut fails, true) {
                        warn!(%error, "the webhooks cannot be looked up; it is tried again and again");
                    }
                }
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Tells the contacts of systems that are off. What a mail server does not take is tried again a minute later.
    async fn tell_contacts(&self) -> Result<(), DbError> {
        let Some(farewells) = &self.farewells else { return Ok(()) };
        let mut no_mail_until = self.no_mail_until.lock().await;
        if no_mail_until.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        for hook in self.table.untold().await? {
            if let Err(error) = farewells.tell(&hook).await {
                *no_mail_until = Some(Instant::now() + PAUSE_MAX);
                warn!(hook = hook.name, %error, "nobody could be told that this webhook is off; it is tried again");
                return Ok(());
            }
            self.table.told(&hook).await?;
        }
        Ok(())
    }

    async fn look(&self) -> Result<(), DbError> {
        let rows = self.table.on().await?;
        let mut workers = self.workers.lock().await;
        workers.retain(|version, worker| {
            let stays = !worker.is_finished() && rows.iter().any(|row| row.version == *version);
            if !stays {
                worker.abort();
            }
            stays
        });
        for row in rows {
            if workers.contains_key(&row.version) {
                continue;
            }
            let version = row.version;
            match HookWorker::new(&self.database, row, self.metrics.clone(), self.schedule.clone()) {
                Ok(worker) => {
                    let task = tokio::spawn(async move { worker.run().await });
                    workers.insert(version, task.abort_handle());
                }
                Err((name, error)) => {
                    self.table.give_up(&name, &error.to_string()).await?;
                    warn!(hook = name, %error, "a webhook cannot be used and is off");
                }
            }
        }
        Ok(())
    }
}

impl Drop for HookKeeper {
    fn drop(&mut self) {
        self.workers.get_mut().values().for_each(AbortHandle::abort);
    }
}

/// Tells one system.
struct HookWorker {
    name: String,
    courier: Courier,
    queue: Arc<dyn WorkQueue>,
    table: HookTable,
    metrics: HookMetrics,
    pause: Mutex<Pause>,
}

/// How a system fares.
#[derive(Debug)]
struct Pause {
    /// Until then nothing is tried.
    until: Option<Instant>,
    /// How long the next one is.
    next: Duration,
    /// True while the table says that it takes nothing, or may say so.
    is_failing: bool,
}

impl HookWorker {
    fn new(
        database: &Database,
        row: HookRow,
        metrics: HookMetrics,
        schedule: Schedule,
    ) -> Result<Self, (String, HookError)> {
        let HookRow { name, url, secret, topics, allow_private, .. } = row;
        let courier = HookSecret::new(secret)
            .map_err(|_| HookError::Url("its secret is none: add it again"))
            .and_then(|secret| Courier::new(&url, allow_private, secret));
        let courier = match courier {
            Ok(courier) => courier,
            Err(error) => return Err((name, error)),
        };
        // What only a newer program tells is told by that one.
        let kinds: Vec<Kind> = topics.iter().filter_map(|topic| Kind::parse_topic(topic).ok()).collect();
        let queue = Arc::new(LogQueue::new(database.clone(), &reader_of(&name), &kinds, schedule));
        let pause = Mutex::new(Pause { until: None, next: PAUSE, is_failing: true });
        Ok(Self { name, courier, queue, table: HookTable::new(database.clone()), metrics, pause })
    }

    async fn run(&self) {
        let mut fails = false;
        loop {
            match self.round().await {
                Ok(true) => fails = false,
                Ok(false) => return,
                Err(error) => {
                    if !std::mem::replace(&mut fails, true) {
                        warn!(hook = self.name, %error, "a webhook's messages cannot be worked on; it is tried again and again");
                    }
                    sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    /// Tells what is there; false once the system is off.
    async fn round(&self) -> Result<bool, QueueError> {
        let deliveries = self.queue.take(AT_ONCE).await?;
        let told = join_all(deliveries.iter().map(|delivery| self.work(delivery))).await;
        let mut is_on = true;
        for told in told {
            is_on &= told?;
        }
        Ok(is_on)
    }

    async fn work(&self, delivery: &Delivery) -> Result<bool, QueueError> {
        let paused = self.pause.lock().await.until.is_some_and(|until| Instant::now() < until);
        let told = if paused { None } else { Some(self.tell(delivery).await) };
        match told {
            Some(Ok(())) => {
                self.metrics.count("told");
                self.queue.done(delivery).await?;
                self.note_taken().await?;
                Ok(true)
            }
            Some(Err(error)) => {
                warn!(hook = self.name, %error, attempts = delivery.attempts, "a webhook was not taken");
                self.fail(delivery, &error.to_string()).await?;
                self.note_failed(&error).await
            }
            None => {
                self.fail(delivery, "it took nothing a moment ago, and was not asked").await?;
                Ok(true)
            }
        }
    }

    async fn tell(&self, delivery: &Delivery) -> Result<(), HookError> {
        let id = webhook_id(&delivery.message);
        self.courier.tell(&id, SystemClock.now_ms() / 1000, &delivery.message).await
    }

    async fn fail(&self, delivery: &Delivery, reason: &str) -> Result<(), QueueError> {
        let is_dead = self.queue.failed(delivery, reason).await?;
        self.metrics.count(if is_dead { "dead" } else { "failed" });
        Ok(())
    }

    async fn note_taken(&self) -> Result<(), QueueError> {
        let mut pause = self.pause.lock().await;
        (pause.until, pause.next) = (None, PAUSE);
        if std::mem::replace(&mut pause.is_failing, false) {
            self.table.note(&self.name, true).await?;
        }
        Ok(())
    }

    /// Notes a failure; false if the system is off for it.
    async fn note_failed(&self, error: &HookError) -> Result<bool, QueueError> {
        {
            let mut pause = self.pause.lock().await;
            pause.until = Some(Instant::now() + pause.next);
            pause.next = (pause.next * 2).min(PAUSE_MAX);
            pause.is_failing = true;
        }
        let failing_s = self.table.note(&self.name, false).await?;
        let waiting = self.queue.standing().await?.pending;
        let reason = if error.is_gone() {
            "it answered 410 Gone".to_owned()
        } else if failing_s > FAILING_MAX_S {
            format!("it has taken nothing for three days; at last {error}")
        } else if waiting > WAITING_MAX {
            format!("more than {WAITING_MAX} messages wait for it; at last {error}")
        } else {
            return Ok(true);
        };
        self.table.give_up(&self.name, &reason).await?;
        self.metrics.count("off");
        warn!(hook = self.name, reason, "a webhook is switched off: `fairgate outbox hook on` switches it on again");
        info!(hook = self.name, waiting, "what waits for it is kept");
        Ok(false)
    }
}

/// The same for the same message, and another at each installation. It has no dot, which would be read as the end of it.
fn webhook_id(message: &str) -> String {
    let value: Value = serde_json::from_str(message).unwrap_or_default();
    let word = |name: &str| value[name].as_str().unwrap_or_default().replace(['/', '.'], "-");
    format!("{}-{}", word("source").trim_start_matches('-'), word("id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_one_id_without_a_dot() {
        let id = webhook_id(r#"{"source":"/fairgate/0b9a","id":"4711"}"#);
        assert_eq!(id, "fairgate-0b9a-4711");
        assert!(!webhook_id(r#"{"source":"/a.b/c","id":"4.7"}"#).contains('.'));
    }
}
