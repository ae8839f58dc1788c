//! A queue in RabbitMQ as a queue of work.
//!
//! Guarantees, beside those of every queue ([`WorkQueue`]):
//! - a message is acknowledged only after its next place (a wait, the dead letters) has confirmed it: it may be there twice for a
//!   moment, and never nowhere
//! - where the broker is away, nothing is lost: what was taken comes again
//!
//! Messages are fetched one by one. With a consumer, the broker would send some in advance, and a worker that dies would cost each of
//! these an attempt, too.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions};
use lapin::{BasicProperties, Channel};
use tokio::time::sleep;
use tracing::error;

use super::broker::{Broker, BrokerError, Publication, bounded, short};
use super::letter;
use super::topology::{count, dead_queue, declare_work, wait_queue, worker_queue};
use crate::outbox::schedule::Schedule;
use crate::outbox::work::{Dead, Delivery, QueueError, Standing, WORKERS_DIED, WorkQueue};
use fairgate_telemetry::clock::{Clock, SystemClock};

/// How long is waited where there is nothing to do.
const REST: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A message that was not finished with after so long goes back.
const LEASE: Duration = Duration::from_secs(20);
/// Dead letters that are looked through for those that are asked for.
const LETTERS_MAX: usize = 10_000;
/// Headers of others that a worker may want to see.
const SEEN_HEADERS: [&str; 1] = [crate::payment::signature::SIGNATURE_HEADER];

/// A queue of work, with its waits and its dead letters.
#[derive(Debug)]
pub struct RabbitQueue {
    broker: Broker,
    queue: String,
    bindings: Vec<String>,
    schedule: Schedule,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was handed out and is not finished with, by the id that it was given here.
    open: HashMap<String, Open>,
    /// Taken, and kept because it has to be worked on alone.
    kept: Option<BasicGetMessage>,
    handed_out: u64,
    /// How many dead letters there were when the oldest was looked at, and when that one died.
    oldest: Option<(usize, Option<u64>)>,
}

#[derive(Debug)]
struct Open {
    message: BasicGetMessage,
    since: Instant,
}

impl RabbitQueue {
    /// A queue by its name. What is published under one of the keys gets into it; without keys, what is written to it by name.
    #[must_use]
    pub fn new(broker: Broker, queue: &str, bindings: &[String], schedule: Schedule) -> Self {
        Self { broker, queue: queue.to_owned(), bindings: bindings.to_vec(), schedule, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next message: first what was kept.
    async fn next(&self, channel: &Channel) -> Result<Option<BasicGetMessage>, BrokerError> {
        let kept = self.state().kept.take().filter(|kept| kept.acker.usable());
        if kept.is_some() {
            return Ok(kept);
        }
        Ok(bounded(channel.basic_get(short(&self.queue)?, BasicGetOptions::default())).await??)
    }

    /// Gives back what was handed out long ago, and forgets what was lost with its connection.
    async fn give_back(&self) -> Result<(), BrokerError> {
        let late: Vec<Open> = {
            let mut state = self.state();
            state.open.retain(|_, open| open.message.acker.usable());
            let late = |(id, open): (&String, &Open)| (open.since.elapsed() > LEASE).then(|| id.clone());
            let ids: Vec<String> = state.open.iter().filter_map(late).collect();
            ids.iter().filter_map(|id| state.open.remove(id)).collect()
        };
        for open in late {
            let back = BasicNackOptions { requeue: true, multiple: false };
            bounded(open.message.acker.nack(back)).await??;
        }
        Ok(())
    }

    fn hand_out(&self, message: BasicGetMessage) -> Delivery {
        let mut state = self.state();
        state.handed_out += 1;
        let id = state.handed_out.to_string();
        let header = |name: &&str| {
            let text = letter::text(&message.properties, name)?.to_owned();
            Some(((*name).to_owned(), text))
        };
        let delivery = Delivery {
            origin: self.queue.clone(),
            id: id.clone(),
            message: String::from_utf8_lossy(&message.data).into_owned(),
            headers: SEEN_HEADERS.iter().filter_map(header).collect(),
            attempts: letter::attempts(&message.properties),
        };
        state.open.insert(id, Open { message, since: Instant::now() });
        delivery
    }

    /// A message that was taken before and came back: whoever worked on it may have died of it.
    async fn suspect(&self, channel: &Channel, message: BasicGetMessage) -> Result<Option<Delivery>, BrokerError> {
        let tried = letter::attempts(&message.properties) - 1;
        if tried < self.schedule.attempts_max() {
            return Ok(Some(self.hand_out(message)));
        }
        let id = letter::name(&message.properties, &message.data);
        error!(queue = self.queue, message = id, "{WORKERS_DIED}: a message is among the dead letters");
        let dead = letter::dead(&message.properties, tried, WORKERS_DIED, SystemClock.now_ms());
        self.pass_on(channel, &message, dead_queue(&self.queue), dead).await?;
        Ok(None)
    }

    /// Publishes a message to its next place, and lets go of it once it is safe there.
    async fn pass_on(
        &self,
        channel: &Channel,
        message: &BasicGetMessage,
        to: String,
        properties: BasicProperties,
    ) -> Result<(), BrokerError> {
        let (key, body) = (short(&to)?, message.data.clone());
        self.broker.publish_one(channel, Publication { exchange: "", key, body, properties }).await?;
        acknowledge(message).await
    }

    /// Ends a delivery: with what is to be done with its message, which stays open where that fails.
    async fn end(
        &self,
        delivery: &Delivery,
        place: Option<(String, impl FnOnce(&BasicProperties) -> BasicProperties)>,
    ) -> Result<(), BrokerError> {
        let Open { message, since } = self.state().open.remove(&delivery.id).ok_or(BrokerError::Lost)?;
        let ended = match place {
            None => acknowledge(&message).await,
            Some((to, properties)) => {
                let properties = properties(&message.properties);
                match self.broker.channel().await {
                    Ok(channel) => self.pass_on(&channel, &message, to, properties).await,
                    Err(error) => Err(error),
                }
            }
        };
        if ended.is_err() && message.acker.usable() {
            self.state().open.insert(delivery.id.clone(), Open { message, since });
        }
        ended
    }

    /// Takes dead letters on a channel of its own, the oldest first. They go back when it is closed.
    async fn look_at_dead(&self, count_max: usize) -> Result<(Channel, Vec<BasicGetMessage>), BrokerError> {
        let channel = self.broker.own_channel().await?;
        let queue = short(&dead_queue(&self.queue))?;
        let mut found = Vec::new();
        while found.len() < count_max {
            match bounded(channel.basic_get(queue.clone(), BasicGetOptions::default())).await?? {
                Some(letter) => found.push(letter),
                None => break,
            }
        }
        Ok((channel, found))
    }

    /// Takes the dead letters of these ids out: each is given to `to`, if anywhere, and all others stay.
    async fn take_out(&self, ids: &[String], to: Option<&str>) -> Result<usize, BrokerError> {
        let (channel, letters) = self.look_at_dead(LETTERS_MAX).await?;
        let mut wanted: Vec<&String> = ids.iter().collect();
        let mut found = 0;
        for message in &letters {
            let id = letter::name(&message.properties, &message.data);
            let Some(at) = wanted.iter().position(|wanted| **wanted == id) else { continue };
            wanted.swap_remove(at);
            match to {
                Some(to) => {
                    let fresh = letter::again(&message.properties, 0);
                    self.pass_on(&channel, message, to.to_owned(), fresh).await?;
                }
                None => acknowledge(message).await?,
            }
            found += 1;
        }
        put_back(&channel, &letters).await?;
        Ok(found)
    }

    /// When the oldest dead letter died. It is looked at only where their number has changed.
    async fn oldest_dead_ms(&self, dead: usize) -> Result<Option<u64>, BrokerError> {
        let known = self.state().oldest.filter(|(counted, _)| *counted == dead);
        if let Some((_, at_ms)) = known {
            return Ok(at_ms);
        }
        let (channel, letters) = self.look_at_dead(1).await?;
        let at_ms = letters.first().and_then(|letter| letter::died_at_ms(&letter.properties));
        put_back(&channel, &letters).await?;
        // Somebody else may be looking at it just now.
        self.state().oldest = at_ms.map(|at_ms| (dead, Some(at_ms)));
        Ok(at_ms)
    }
}

/// Lets go of a message. It comes again where that does not reach the broker.
async fn acknowledge(message: &BasicGetMessage) -> Result<(), BrokerError> {
    match bounded(message.acker.ack(BasicAckOptions::default())).await?? {
        true => Ok(()),
        false => Err(BrokerError::Lost),
    }
}

/// Gives back what was only looked at, in its order.
async fn put_back(channel: &Channel, letters: &[BasicGetMessage]) -> Result<(), BrokerError> {
    for letter in letters.iter().filter(|letter| letter.acker.usable()) {
        bounded(letter.acker.nack(BasicNackOptions { requeue: true, multiple: false })).await??;
    }
    Ok(bounded(channel.close(200, "looked".into())).await??)
}

#[async_trait]
impl WorkQueue for RabbitQueue {
    fn name(&self) -> &str {
        // What its worker is called elsewhere, where it has one.
        self.queue.strip_prefix(&worker_queue("")).unwrap_or(&self.queue)
    }

    async fn declare(&self) -> Result<(), QueueError> {
        let channel = self.broker.channel().await?;
        Ok(declare_work(&channel, &self.queue, &self.bindings, self.schedule.waits()).await?)
    }

    async fn take(&self, count: usize) -> Result<Vec<Delivery>, QueueError> {
        let channel = self.broker.channel().await?;
        self.give_back().await?;
        let (mut taken, since) = (Vec::new(), Instant::now());
        while taken.len() < count {
            let Some(message) = self.next(&channel).await? else {
                if !taken.is_empty() || since.elapsed() > REST {
                    break;
                }
                sleep(LOOK_EVERY).await;
                continue;
            };
            if !message.redelivered {
                taken.push(self.hand_out(message));
                continue;
            }
            if taken.is_empty() {
                taken.extend(self.suspect(&channel, message).await?);
            } else {
                self.state().kept = Some(message);
            }
            break;
        }
        Ok(taken)
    }

    async fn done(&self, delivery: &Delivery) -> Result<(), QueueError> {
        Ok(self.end(delivery, None::<(String, fn(&BasicProperties) -> BasicProperties)>).await?)
    }

    async fn failed(&self, delivery: &Delivery, reason: &str) -> Result<bool, QueueError> {
        let Some(wait) = self.schedule.wait_after(delivery.attempts) else {
            self.bury(delivery, reason).await?;
            return Ok(true);
        };
        let attempts = delivery.attempts;
        let again = |properties: &BasicProperties| letter::again(properties, attempts);
        self.end(delivery, Some((wait_queue(&self.queue, wait), again))).await?;
        Ok(false)
    }

    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), QueueError> {
        let (attempts, now_ms) = (delivery.attempts, SystemClock.now_ms());
        let dead = |properties: &BasicProperties| letter::dead(properties, attempts, reason, now_ms);
        Ok(self.end(delivery, Some((dead_queue(&self.queue), dead))).await?)
    }

    async fn dead(&self, count: usize) -> Result<Vec<Dead>, QueueError> {
        let (channel, letters) = self.look_at_dead(count).await?;
        let dead = letters.iter().map(|letter| letter::read_dead(&letter.properties, &letter.data)).collect();
        put_back(&channel, &letters).await?;
        Ok(dead)
    }

    async fn retry(&self, ids: &[String]) -> Result<usize, QueueError> {
        Ok(self.take_out(ids, Some(&self.queue)).await?)
    }

    async fn drop_dead(&self, ids: &[String]) -> Result<usize, QueueError> {
        Ok(self.take_out(ids, None).await?)
    }

    async fn standing(&self) -> Result<Standing, QueueError> {
        let channel = self.broker.channel().await?;
        let mut pending = {
            let state = self.state();
            state.open.len() + usize::from(state.kept.is_some())
        };
        for wait in self.schedule.waits() {
            pending += count(&channel, &wait_queue(&self.queue, *wait)).await?;
        }
        let dead = count(&channel, &dead_queue(&self.queue)).await?;
        let oldest_dead_ms = if dead == 0 { None } else { self.oldest_dead_ms(dead).await? };
        Ok(Standing { pending, dead, oldest_dead_ms })
    }
}
