//! Redis Streams, as far as the outbox needs them: publishing, a consumer group with retries, and its dead letters.
//!
//! Guarantees:
//! - a message is acknowledged or buried, and until then it comes again
//! - waits between attempts are kept by Redis, so they outlive every worker
//! - burying and bringing back are atomic

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::streams::{
    StreamClaimReply, StreamId, StreamInfoGroupsReply, StreamPendingCountReply, StreamPendingReply, StreamRangeReply,
    StreamReadReply,
};
use redis::{AsyncCommands, RedisResult, Script, cmd, pipe};
use tokio::time::sleep;
use tracing::error;

use super::schedule::Schedule;
use super::sink::{Entry, LastEntry};
use super::work::{Dead, Delivery, Standing, WORKERS_DIED};

/// What happened, in order. The braces keep it and its consumers' streams in one slot of a cluster.
pub const STREAM: &str = "{fairgate.outbox}";

/// Without any consumer, so many are kept for whoever comes.
const KEPT_FOR_NOBODY: usize = 100_000;
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Longer than a read waits for messages.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
const READ_WAIT_MS: usize = 500;
/// A worker that has not finished with a message after so long is dead.
const LEASE_MS: usize = 20_000;
/// Failed messages that wait for another attempt; beyond it no new ones are read.
const WAITING_MAX: usize = 10_000;
const PAGE: usize = 100;

/// The names under which a group's messages are pending: being worked on, or waiting for the next attempt.
const WORKING: &str = "working";
const WAITING: &str = "waiting";

/// Redis did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The URL is not one.
    #[error("the Redis URL is wrong: {0} (like redis://127.0.0.1:6379/)")]
    Url(redis::RedisError),
    /// Redis cannot be reached, or refuses.
    #[error("Redis failed: {0}")]
    Redis(#[from] redis::RedisError),
    /// A stream holds what nobody of us put there.
    #[error("the stream {STREAM} holds a message that this program does not understand: {0}")]
    Odd(String),
}

/// A connection that comes back by itself.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
    publish: Arc<Script>,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

impl Redis {
    /// Connects.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn connect(url: &str) -> Result<Self, StreamError> {
        let client = redis::Client::open(url).map_err(StreamError::Url)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_PATIENCE))
            .set_response_timeout(Some(ANSWER_PATIENCE))
            .set_max_delay(Duration::from_secs(1))
            .set_number_of_retries(3);
        let connection = ConnectionManager::new_with_config(client, config).await?;
        let publish = Arc::new(Script::new(include_str!("../../../../lua/outbox/publish.lua")));
        Ok(Self { connection, publish })
    }

    /// Appends messages if the stream ends with number `after`; answers the number with which it ends now.
    pub(super) async fn publish(&self, after: Option<i64>, messages: &[Entry]) -> Result<i64, StreamError> {
        let mut call = self.publish.key(STREAM);
        call.arg(after.unwrap_or(-1));
        for Entry { number, message, .. } in messages {
            call.arg(*number).arg(message);
        }
        let last: String = call.invoke_async(&mut self.connection.clone()).await?;
        last.parse().map_err(|_| StreamError::Odd(format!("its last id begins with {last:?}")))
    }

    /// The last message that the stream still has. Where all of them were handled and dropped, its number alone is left.
    pub(super) async fn last_entry(&self) -> Result<Option<LastEntry>, StreamError> {
        let number = self.publish(None, &[]).await?;
        let reply: StreamRangeReply = self.connection.clone().xrevrange_count(STREAM, "+", "-", 1).await?;
        let has = |entry: &&StreamId| entry.id.split('-').next().and_then(|id| id.parse().ok()) == Some(number);
        let message = reply.ids.first().filter(has).and_then(|entry| entry.get("message")).unwrap_or_default();
        Ok((number > 0).then_some(LastEntry { number, message }))
    }

    /// How many messages the stream has.
    pub(super) async fn messages(&self) -> Result<usize, StreamError> {
        Ok(self.connection.clone().xlen(STREAM).await?)
    }

    /// Drops what every group has handled.
    pub(super) async fn trim(&self) -> Result<(), StreamError> {
        let mut connection = self.connection.clone();
        if !connection.exists::<_, bool>(STREAM).await? {
            return Ok(());
        }
        let groups: StreamInfoGroupsReply = connection.xinfo_groups(STREAM).await?;
        let mut trim = cmd("XTRIM");
        trim.arg(STREAM);
        if groups.groups.is_empty() {
            trim.arg("MAXLEN").arg("~").arg(KEPT_FOR_NOBODY);
        } else {
            let mut oldest: Vec<(u64, String)> = Vec::new();
            for group in groups.groups {
                let pending: StreamPendingReply = connection.xpending(STREAM, &group.name).await?;
                let id = match pending {
                    StreamPendingReply::Data(data) => data.start_id,
                    _ => group.last_delivered_id,
                };
                let number = id.split('-').next().and_then(|number| number.parse().ok()).unwrap_or(0);
                oldest.push((number, id));
            }
            let Some((_, oldest)) = oldest.into_iter().min() else { return Ok(()) };
            trim.arg("MINID").arg("~").arg(oldest);
        }
        Ok(trim.query_async::<()>(&mut connection).await?)
    }

    /// A consumer group with its own streams for what comes again and for what is dead; [`Group::declare`] makes it.
    #[must_use]
    pub fn group(&self, name: &str, schedule: Schedule) -> Group {
        let (again, dead) = (format!("{STREAM}:{name}:again"), format!("{STREAM}:{name}:dead"));
        Group { connection: self.connection.clone(), name: name.to_owned(), again, dead, schedule }
    }
}

/// A consumer group.
#[derive(Clone)]
pub struct Group {
    connection: ConnectionManager,
    name: String,
    again: String,
    dead: String,
    schedule: Schedule,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Group {
    /// The group's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What is pending, and what is dead.
    pub(super) async fn standing(&self) -> Result<Standing, StreamError> {
        let mut connection = self.connection.clone();
        let mut standing = Standing::default();
        for stream in [STREAM, &self.again] {
            if let StreamPendingReply::Data(data) = connection.xpending(stream, &self.name).await? {
                standing.pending += data.count;
            }
        }
        standing.dead = connection.xlen(&self.dead).await?;
        let oldest: StreamRangeReply = connection.xrange_count(&self.dead, "-", "+", 1).await?;
        standing.oldest_dead_ms = oldest.ids.first().and_then(|entry| entry.id.split('-').next()?.parse().ok());
        Ok(standing)
    }

    /// Makes the group and its streams where they are not there.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn declare(&self) -> Result<(), StreamError> {
        for stream in [STREAM, &self.again] {
            let made: RedisResult<()> = self.connection.clone().xgroup_create_mkstream(stream, &self.name, "0").await;
            match made {
                Err(error) if error.code() != Some("BUSYGROUP") => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// What is to be worked on now: first what is due again, else what is new. Waits a moment when there is nothing.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn take(&self, count: usize) -> Result<Vec<Delivery>, StreamError> {
        let mut due = Vec::new();
        let mut waiting = 0;
        for stream in [STREAM, &self.again] {
            waiting += self.take_due(stream, count, &mut due).await?;
        }
        if !due.is_empty() {
            return Ok(due);
        }
        if waiting >= WAITING_MAX {
            sleep(self.schedule.shortest()).await;
            return Ok(due);
        }
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(&self.name).arg(WORKING).arg("COUNT").arg(count).arg("BLOCK").arg(READ_WAIT_MS);
        read.arg("STREAMS").arg(STREAM).arg(&self.again).arg(">").arg(">");
        let reply: Option<StreamReadReply> = read.query_async(&mut self.connection.clone()).await?;
        let streams = reply.unwrap_or_default().keys.into_iter();
        Ok(streams.flat_map(|key| key.ids.into_iter().map(move |entry| delivery(&key.key, &entry, 1))).collect())
    }

    /// Takes what is due again of one stream; says how many wait there altogether.
    async fn take_due(&self, stream: &str, count: usize, due: &mut Vec<Delivery>) -> Result<usize, StreamError> {
        let mut seen = 0;
        for (pending_as, idle_ms) in [(WAITING, millis(self.schedule.shortest())), (WORKING, LEASE_MS)] {
            let mut from = "-".to_owned();
            while due.len() < count {
                let mut pending = cmd("XPENDING");
                pending
                    .arg(stream)
                    .arg(&self.name)
                    .arg("IDLE")
                    .arg(idle_ms)
                    .arg(&from)
                    .arg("+")
                    .arg(PAGE)
                    .arg(pending_as);
                let page: StreamPendingCountReply = pending.query_async(&mut self.connection.clone()).await?;
                seen += page.ids.len();
                for entry in &page.ids {
                    let wait = self.schedule.wait_after(entry.times_delivered).unwrap_or_default();
                    let wait_ms = if pending_as == WAITING { millis(wait) } else { LEASE_MS };
                    // One whose worker has died may have killed it: it is taken alone.
                    let room = if pending_as == WAITING { count } else { 1 };
                    if due.len() < room && entry.last_delivered_ms >= wait_ms {
                        let claimed = self.claim(stream, &entry.id, wait_ms, entry.times_delivered + 1).await?;
                        due.extend(self.not_given_up(claimed).await?);
                    }
                }
                match page.ids.last() {
                    Some(last) if page.ids.len() == PAGE => from = format!("({}", last.id),
                    _ => break,
                }
            }
        }
        Ok(seen)
    }

    /// Buries a message that was taken as often as it may be.
    async fn not_given_up(&self, claimed: Option<Delivery>) -> Result<Option<Delivery>, StreamError> {
        let Some(delivery) = claimed.clone().filter(|delivery| delivery.attempts > self.schedule.attempts_max()) else {
            return Ok(claimed);
        };
        error!(group = self.name, message = delivery.id, "{WORKERS_DIED}: a message is among the dead letters");
        self.bury(&Delivery { attempts: delivery.attempts - 1, ..delivery }, WORKERS_DIED).await?;
        Ok(None)
    }

    /// Takes one message, unless somebody else was faster.
    async fn claim(
        &self,
        stream: &str,
        id: &str,
        idle_ms: usize,
        attempts: usize,
    ) -> Result<Option<Delivery>, StreamError> {
        let mut connection = self.connection.clone();
        let claimed: StreamClaimReply = connection.xclaim(stream, &self.name, WORKING, idle_ms, &[id]).await?;
        Ok(claimed.ids.first().map(|entry| delivery(stream, entry, attempts)))
    }

    /// Done: it does not come again.
    ///
    /// # Errors
    /// [`StreamError`]; it may come again.
    pub async fn done(&self, delivery: &Delivery) -> Result<(), StreamError> {
        let mut connection = self.connection.clone();
        connection.xack::<_, _, _, ()>(&delivery.origin, &self.name, &[&delivery.id]).await?;
        // Nobody else reads this stream, so what is done can go.
        if delivery.origin == self.again {
            connection.xdel::<_, _, ()>(&self.again, &[&delivery.id]).await?;
        }
        Ok(())
    }

    /// Failed: it comes again after its wait, or is buried when it was tried often enough. Says which.
    ///
    /// # Errors
    /// [`StreamError`]; it comes again.
    pub async fn failed(&self, delivery: &Delivery, reason: &str) -> Result<bool, StreamError> {
        if self.schedule.wait_after(delivery.attempts).is_none() {
            self.bury(delivery, reason).await?;
            return Ok(true);
        }
        let mut put_off = cmd("XCLAIM");
        put_off.arg(&delivery.origin).arg(&self.name).arg(WAITING).arg(0).arg(&delivery.id);
        put_off.arg("IDLE").arg(0).arg("RETRYCOUNT").arg(delivery.attempts).arg("JUSTID");
        put_off.query_async::<()>(&mut self.connection.clone()).await?;
        Ok(false)
    }

    /// Moves a message to the dead letters.
    ///
    /// # Errors
    /// [`StreamError`]; it comes again.
    pub async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), StreamError> {
        let mut burial = pipe();
        burial.atomic();
        burial.cmd("XADD").arg(&self.dead).arg("*").arg("message").arg(&delivery.message);
        burial.arg("reason").arg(reason).arg("attempts").arg(delivery.attempts).ignore();
        burial.xack(&delivery.origin, &self.name, &[&delivery.id]).ignore();
        if delivery.origin == self.again {
            burial.xdel(&self.again, &[&delivery.id]).ignore();
        }
        Ok(burial.query_async(&mut self.connection.clone()).await?)
    }

    /// The dead letters, the oldest first.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn dead(&self, count: usize) -> Result<Vec<Dead>, StreamError> {
        let reply: StreamRangeReply = self.connection.clone().xrange_count(&self.dead, "-", "+", count).await?;
        Ok(reply.ids.iter().map(read_dead).collect())
    }

    /// Gives dead letters back to the worker, each with all its attempts; says how many were there.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn retry(&self, ids: &[String]) -> Result<usize, StreamError> {
        let mut connection = self.connection.clone();
        let mut found = 0;
        for id in ids {
            let reply: StreamRangeReply = connection.xrange(&self.dead, id, id).await?;
            let Some(letter) = reply.ids.first().map(read_dead) else { continue };
            let mut back = pipe();
            back.atomic().xdel(&self.dead, &[&letter.id]).ignore();
            back.xadd(&self.again, "*", &[("message", &letter.message)]).ignore();
            back.query_async::<()>(&mut connection).await?;
            found += 1;
        }
        Ok(found)
    }

    /// Removes dead letters for good; says how many were there.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn drop_dead(&self, ids: &[String]) -> Result<usize, StreamError> {
        let mut connection = self.connection.clone();
        let mut found = 0;
        for id in ids {
            // One by one: an id that is none is not there, and says nothing about the others.
            let dropped: RedisResult<usize> = connection.xdel(&self.dead, &[id]).await;
            found += match dropped {
                Err(error) if error.code() == Some("ERR") => 0,
                outcome => outcome?,
            };
        }
        Ok(found)
    }
}

fn delivery(stream: &str, entry: &StreamId, attempts: usize) -> Delivery {
    let message = entry.get("message").unwrap_or_default();
    Delivery { origin: stream.to_owned(), id: entry.id.clone(), message, headers: BTreeMap::new(), attempts }
}

fn read_dead(entry: &StreamId) -> Dead {
    Dead {
        id: entry.id.clone(),
        message: entry.get("message").unwrap_or_default(),
        reason: entry.get("reason").unwrap_or_default(),
        attempts: entry.get("attempts").unwrap_or_default(),
    }
}

fn millis(span: Duration) -> usize {
    usize::try_from(span.as_millis()).unwrap_or(usize::MAX)
}
