//! What edges of a fleet hand on to each other through the store: draws of sales that are over, and lists of codes.
//!
//! Guarantees: no request, no heartbeat and no draw waits for it. What comes from another edge is checked as if a stranger had sent
//! it.

mod code_lists;
mod past_draws;
mod trade;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;

use self::code_lists::CodeListGoods;
use self::past_draws::PastDrawGoods;
use self::trade::{Trade, TradeError};
use crate::edge::context::Edge;
use crate::edge::room::shelf::forget_drafts_in;
use fairgate_telemetry::supervise::{Pulse, Supervisor};

const NAME: &str = "parcels";
/// Between two looks.
const EVERY: Duration = Duration::from_secs(3);
/// Between two looks while a parcel is on its way.
const SOON: Duration = Duration::from_millis(20);
/// A large draw takes a while to check.
const SILENCE_MAX: Duration = Duration::from_secs(300);

/// Exchanges parcels with the other edges.
pub(crate) struct Parcels {
    edge: Arc<Edge>,
    supervisor: Supervisor,
    pulse: Pulse,
}

impl Parcels {
    /// The task of an edge; `None` where it shares its rooms with nobody.
    pub(crate) fn new(edge: &Arc<Edge>, supervisor: &Supervisor) -> Option<Self> {
        let pulse = edge.store.is_shared().then(|| supervisor.pulse_within(NAME, SILENCE_MAX))?;
        Some(Self { edge: Arc::clone(edge), supervisor: supervisor.clone(), pulse })
    }

    async fn run(&self) {
        let mut served = self.edge.served();
        let mut exchanged = trades(&self.edge);
        loop {
            let mut pause = EVERY;
            // Rooms are made and changed while the edge runs.
            let now = self.edge.served();
            if !Arc::ptr_eq(&now, &served) {
                (served, exchanged) = (now, trades(&self.edge));
            }
            for trade in &mut exchanged {
                self.pulse.beat();
                match trade.round().await {
                    Ok(true) => pause = SOON,
                    // Who is away is said where it matters; nothing is lost here.
                    Ok(false) | Err(TradeError::Store(_)) => {}
                    Err(error @ TradeError::Disk(_)) => {
                        tracing::warn!(%error, "files could not be exchanged with other edges; trying again");
                    }
                }
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// Everything that an edge exchanges: the draws of rooms that go from one sale to the next, and each campaign once.
pub(crate) fn trades(edge: &Arc<Edge>) -> Vec<Trade> {
    let (mut trades, mut campaigns) = (Vec::new(), BTreeSet::new());
    for room in &edge.served().rooms {
        if room.config.sales.len() > 1 || !room.past.draws().is_empty() {
            trades.push(Trade::new(PastDrawGoods::new(edge, room), Arc::clone(&edge.store)));
        }
        let Some(desk) = &room.entry else { continue };
        forget_drafts_in(desk.code_files.dir());
        for name in desk.code_files.names() {
            if campaigns.insert(name.clone()) {
                trades.push(Trade::new(CodeListGoods::new(edge, room, name), Arc::clone(&edge.store)));
            }
        }
    }
    trades
}

#[async_trait]
impl BackgroundService for Parcels {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        tokio::select! {
            () = self.supervisor.keep(NAME, || self.run()) => {}
            _ = shutdown.changed() => {}
        }
    }
}
