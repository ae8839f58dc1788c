//! The inventory watch. It asks the shop once a second how much is left. So the leak into a sold-out shop stops, and
//! goes on when items come back.
//!
//! Guarantees: an answer that is missing or not understood changes nothing. Answers are bounded in size and time. The
//! shop is asked at its own address, not through the gate, so it is heard when nobody is inside, too.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;

use crate::edge::context::EdgeParts;
use crate::edge::room::handle::LiveRoom;
use crate::observe::EdgeMetrics;
use fairgate_core::fields::trim;
use fairgate_core::room::{Command, Phase};
use fairgate_store::Store;
use fairgate_telemetry::supervise::{Pulse, Supervisor};

const STOCK: &str = "x-fairgate-stock";
const EVERY: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// A shop that is slow to answer, and a store that is slow to hear of it, are no dead watch.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// A bit an item: eight million items.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Watches the stock of one room.
pub(crate) struct InventoryWatch {
    room: Arc<LiveRoom>,
    url: String,
    client: reqwest::Client,
    store: Arc<dyn Store>,
    metrics: EdgeMetrics,
    supervisor: Supervisor,
    pulse: Pulse,
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error(transparent)]
    Unreachable(#[from] reqwest::Error),
    #[error("it answered {0}")]
    Status(reqwest::StatusCode),
    #[error("its answer is larger than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    #[error("its answer has neither {STOCK} with a number nor a bitfield (application/octet-stream)")]
    Unreadable,
}

impl InventoryWatch {
    /// Watches at a path of the room's shop.
    ///
    /// # Errors
    /// No client can be made.
    pub(crate) fn new(room: Arc<LiveRoom>, path: &str, parts: &EdgeParts) -> Result<Self, reqwest::Error> {
        let (store, metrics, supervisor) = (Arc::clone(&parts.store), parts.metrics.clone(), parts.supervisor.clone());
        let pulse = supervisor.pulse_within(format!("stock of {}", room.name()), SILENCE_MAX);
        let client = reqwest::Client::builder().timeout(ANSWER_WITHIN).build()?;
        let url = format!("{}{path}", room.upstream.base_url());
        Ok(Self { room, url, client, store, metrics, supervisor, pulse })
    }

    /// Asks for ever.
    async fn run(&self) {
        let mut looks = tokio::time::interval(EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.pulse.beat();
            self.run_once().await;
        }
    }

    /// Asks once, and tells the room if that changes anything.
    async fn run_once(&self) {
        let Some(snapshot) = self.room.snapshot() else { return };
        if snapshot.view.phase == Phase::Ended {
            return;
        }
        match self.ask().await {
            Ok(items) => self.tell(items, snapshot.view.out_of_stock).await,
            Err(error) => tracing::debug!(room = self.room.name(), %error, "the shop does not say what it has left"),
        }
    }

    async fn tell(&self, items: u64, was_out: bool) {
        let name = self.room.name();
        self.metrics.observe_stock(name, items);
        self.room.stock.store(Some(Arc::new(items)));
        let left = items > 0;
        if left != was_out {
            return;
        }
        match self.store.apply(name, Command::Stock { left }).await {
            Ok(_) => tracing::info!(
                room = name,
                items,
                "the shop {}",
                if left { "has something again" } else { "is sold out" }
            ),
            Err(error) => tracing::warn!(room = name, %error, "the room could not be told what is left"),
        }
    }

    async fn ask(&self) -> Result<u64, Unknown> {
        let mut answer = self.client.get(&self.url).send().await?;
        if !answer.status().is_success() {
            return Err(Unknown::Status(answer.status()));
        }
        if let Some(items) = said(answer.headers()) {
            return Ok(items);
        }
        if !is_bitfield(answer.headers()) {
            return Err(Unknown::Unreadable);
        }
        let (mut items, mut bytes) = (0, 0);
        while let Some(part) = answer.chunk().await? {
            bytes += part.len();
            if bytes > BODY_BYTES_MAX {
                return Err(Unknown::TooLarge);
            }
            items += part.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>();
        }
        Ok(items)
    }
}

fn said(headers: &HeaderMap) -> Option<u64> {
    std::str::from_utf8(trim(headers.get(STOCK)?.as_bytes())).ok()?.parse().ok()
}

fn is_bitfield(headers: &HeaderMap) -> bool {
    headers.get(http::header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/octet-stream"))
}

#[async_trait]
impl BackgroundService for InventoryWatch {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let task = format!("stock of {}", self.room.name());
        tokio::select! {
            () = self.supervisor.keep(&task, || self.run()) => {}
            () = self.room.retirement.over() => self.pulse.end(),
            _ = shutdown.changed() => {}
        }
    }
}
