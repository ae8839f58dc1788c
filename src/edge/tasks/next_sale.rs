//! A room's way to its next sale: the draw of that one is prepared while the last one runs, and the sale begins in its time.
//!
//! Guarantees:
//! - a commitment is kept where the rooms are kept before anybody is shown it, and on this edge's own disk
//! - a sale begins with the draw that was prepared for it and shown, or not at all
//! - any number of edges may do this for one room: one of them prepares, one of them begins, and the others find it done

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::SaleConfig;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::next_sale::{NextSale, Preparation, is_due, preparation, sale_after, shown};
use fairgate_core::room::{Command, Control, PreparedDraw, Refusal, SalePlan, View};
use fairgate_draw::Hash;
use fairgate_store::{KeptNext, Store, StoreError};
use fairgate_telemetry::entropy;

/// Between two looks at what is kept, by the room's time.
const LOOK_EVERY_MS: u64 = 1_000;
/// The time for other edges to put back what the store has lost.
const OTHERS_MAY_KNOW_MS: u64 = 1_000;

/// Looks after the next sale of one room.
pub(super) struct NextSales {
    room: Arc<LiveRoom>,
    store: Arc<dyn Store>,
    looked: Mutex<Looked>,
}

/// What the last look has shown.
#[derive(Clone, Default)]
struct Looked {
    /// The room's draw, and its time.
    at: Option<(Hash, u64)>,
    kept: Option<PreparedDraw>,
    /// The sale that this edge has prepared a draw for last: when it opens and starts.
    prepared: Option<(u64, u64)>,
    /// Since when the store has none.
    missing_since_ms: Option<u64>,
    /// True if it was said that another configuration has another next sale.
    has_told: bool,
    /// True if it was said that the room refuses the next sale.
    has_told_refused: bool,
}

impl NextSales {
    pub(super) fn new(room: Arc<LiveRoom>, store: Arc<dyn Store>) -> Self {
        Self { room, store, looked: Mutex::default() }
    }

    /// Looks at what is kept, and has a draw prepared where there is none; answers what is to be shown of the next sale.
    pub(super) async fn look(&self, view: &View) -> Option<NextSale> {
        if self.is_due_to_look(view)
            && let Err(error) = self.prepare(view).await
        {
            tracing::warn!(room = self.room.name(), %error, "the draw of the next sale could not be looked up");
        }
        shown(&self.room.config, view, self.looked().kept.as_ref())
    }

    /// Begins the next sale if it is due.
    pub(super) async fn begin_if_due(&self, view: &View) -> Result<(), StoreError> {
        let config = &self.room.config;
        let is_kept = self.room.past.has(&view.draw.descriptor_digest);
        let is_due = |next: &&SaleConfig| is_due(view, next, config.schedule.after_end, is_kept);
        let Some(sale) = sale_after(config, view).filter(is_due) else { return Ok(()) };
        // What another edge has prepared meanwhile is what fans were shown.
        let kept = self.store.next_draw(self.room.name()).await?.kept;
        let plan = kept.and_then(|kept| kept.plan(&self.room.plan(sale, [0; 32])));
        let Some(plan) = plan else { return Ok(()) };
        let (opens_at_ms, commitment) = (plan.opens_at_ms, hex::encode(plan.descriptor().commitment));
        match self.store.apply(self.room.name(), Command::Schedule(plan)).await {
            // An edge with a newer file begins it, or people have put the end off at this very moment.
            Err(StoreError::Refused(refusal)) => {
                self.say_refused(&refusal);
                return Ok(());
            }
            applied => applied.map(drop)?,
        }
        self.say_first(sale).await?;
        tracing::info!(room = self.room.name(), opens_at_ms, commitment, "the room has gone on to its next sale");
        Ok(())
    }

    /// The plan of a sale with the secret that was prepared for it, or a new one. Once its pool has opened the sale may have had
    /// a draw, whose secret is public: that serves no other.
    pub(super) async fn plan(&self, sale: &SaleConfig, now_ms: u64) -> Result<SalePlan, StoreError> {
        let plan = self.room.plan(sale, fresh_secret()?);
        if now_ms >= sale.opens_at_ms {
            return Ok(plan);
        }
        let KeptNext { kept, own } = self.store.next_draw(self.room.name()).await?;
        let prepared = [kept, own].into_iter().flatten().find_map(|prepared| prepared.plan(&plan));
        Ok(prepared.unwrap_or(plan))
    }

    /// The message that is configured is the first one of a sale; later ones are the organizer's.
    pub(super) async fn say_first(&self, sale: &SaleConfig) -> Result<(), StoreError> {
        let Some(message) = sale.message.as_ref().or(self.room.config.page.message.as_ref()) else { return Ok(()) };
        let message = Control::Message(Some(message.clone()));
        self.store.apply(self.room.name(), Command::Control(vec![message])).await.map(drop)
    }

    fn is_due_to_look(&self, view: &View) -> bool {
        let at = self.looked().at;
        at.is_none_or(|(draw, at_ms)| {
            draw != view.draw.descriptor_digest || view.now_ms.saturating_sub(at_ms) >= LOOK_EVERY_MS
        })
    }

    async fn prepare(&self, view: &View) -> Result<(), StoreError> {
        let name = self.room.name();
        let mut looked = self.looked();
        let mut kept = self.store.next_draw(name).await?;
        if let Some(sale) = sale_after(&self.room.config, view) {
            let times = (sale.opens_at_ms, sale.starts_at_ms);
            let may_replace = looked.prepared != Some(times);
            let plan = self.room.plan(sale, fresh_secret()?);
            let next = match preparation(&plan, &kept, may_replace) {
                Preparation::Stands => None,
                Preparation::PutBack(own) => Some(own),
                Preparation::Fresh if self.may_be_lost(&kept, &mut looked, view.now_ms) => None,
                Preparation::Fresh => Some(PreparedDraw::new(&plan, view.now_ms)),
            };
            if let Some(next) = next {
                kept.kept = Some(self.store.keep_next(name, kept.kept, next).await?);
                looked.prepared = Some(times);
                self.say_prepared(kept.kept.as_ref());
            }
            self.say_if_another(&plan, kept.kept.as_ref(), &mut looked);
        }
        if let Some(next) = kept.kept.as_ref().filter(|next| kept.own.as_ref() != Some(*next)) {
            self.store.copy_next(name, next.clone()).await;
        }
        if kept.kept.is_some() {
            looked.missing_since_ms = None;
        }
        (looked.at, looked.kept) = (Some((view.draw.descriptor_digest, view.now_ms)), kept.kept.or(kept.own));
        *self.lock() = looked;
        Ok(())
    }

    /// True if another edge may know one that the store has lost, and has not had the time to put it back.
    fn may_be_lost(&self, kept: &KeptNext, looked: &mut Looked, now_ms: u64) -> bool {
        if kept.kept.is_some() || !self.store.is_shared() {
            return false;
        }
        let since_ms = *looked.missing_since_ms.get_or_insert(now_ms);
        now_ms.saturating_sub(since_ms) < OTHERS_MAY_KNOW_MS
    }

    fn say_refused(&self, refusal: &Refusal) {
        let mut looked = self.lock();
        if !std::mem::replace(&mut looked.has_told_refused, true) {
            tracing::warn!(room = self.room.name(), %refusal, "this edge cannot begin the next sale; others may");
        }
    }

    fn say_prepared(&self, kept: Option<&PreparedDraw>) {
        if let Some(next) = kept.and_then(PreparedDraw::announced) {
            let (opens_at_ms, commitment) = (next.opens_at_ms, hex::encode(next.draw.commitment));
            tracing::info!(room = self.room.name(), opens_at_ms, commitment, "the draw of the next sale is prepared");
        }
    }

    /// Edges whose files differ have different next sales: one of them stands.
    fn say_if_another(&self, plan: &SalePlan, kept: Option<&PreparedDraw>, looked: &mut Looked) {
        let is_another = kept.is_some_and(|kept| !kept.is_of(plan));
        if is_another && !looked.has_told {
            let file = self.room.config.origin.file.display();
            tracing::error!(
                room = self.room.name(),
                %file,
                key = "room.sale",
                "another edge has prepared another next sale: give all edges the same file, with a higher config_version"
            );
        }
        looked.has_told = is_another;
    }

    fn looked(&self) -> Looked {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Looked> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh_secret() -> Result<[u8; 32], StoreError> {
    entropy::random_bytes().map_err(|error| StoreError::Unavailable(error.to_string()))
}
