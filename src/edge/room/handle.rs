//! A room of this edge: its configuration, its queues to the store, and its last snapshot.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use fairgate_draw::RosterTree;
use tokio::sync::Semaphore;

use super::batch::{Batcher, batcher};
use super::best_minute::BestMinute;
use super::ended_sessions::EndedSessions;
use super::keyed::Keyed;
use super::loss::ProvedLoss;
use super::next_sale::NextSale;
use super::past_trees::PastTrees;
use super::retirement::Retirement;
use super::shelf::Shelf;
use super::snapshot::{Snapshot, Standing};
use super::status_document::{PollPolicy, Status, StatusInput};
use super::tier_trees::TierTrees;
use super::workers::{RoomWorkers, TierWorkers};
use crate::config::{AfterEnd, RoomConfig, SaleConfig};
use crate::edge::draw_log::live::LiveLog;
use crate::edge::entry::desk::Desk;
use crate::edge::entry::page::entry_page;
use crate::edge::upstream::handle::Upstream;
use crate::observe::RouteClass;
use crate::page::{CheckPage, MovePage, PageError, WaitingPage, read_page};
use fairgate_core::overload::{Advance, Look, Progress};
use fairgate_core::request::decide::RoomState;
use fairgate_core::request::prefix::is_under;
use fairgate_core::room::{
    Arrival, Arrived, ClaimOutcome, Claimant, Phase, RenewOutcome, SalePlan, TierClaimant, View,
};
use fairgate_entry::policy::Binding;
use fairgate_store::{Joined, Joiner};
use fairgate_token::Cookie;

/// The cookies of a room, for fans who came with and without TLS.
#[derive(Debug)]
pub(crate) struct Cookies {
    pub(crate) ticket: Cookie,
    pub(crate) pass: Cookie,
    /// Vouchers of what a fan has shown.
    pub(crate) me: Cookie,
    /// A code that was asked for by mail.
    pub(crate) mail: Cookie,
    /// A note that lets somebody without scripts wait instead of working, and the nonce that it is for.
    pub(crate) wait: Cookie,
}

/// The number of a draw's claims that are public.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PublicClaims {
    pub(crate) draw: [u8; 32],
    pub(crate) count: u64,
}

/// What fans ask of a room with tiers. Whether a room has any, its state says, and not this edge's configuration.
pub(crate) struct TierQueues {
    pub(crate) arrivals: Batcher<Joiner<Arrival>, Joined<Arrived>>,
    pub(crate) claims: Batcher<Keyed<TierClaimant>, ClaimOutcome>,
}

/// A room of this edge.
pub(crate) struct LiveRoom {
    pub(crate) config: RoomConfig,
    pub(crate) page: WaitingPage,
    pub(crate) check: CheckPage,
    /// The page on which a device takes the place of another one, where places may move.
    pub(crate) move_page: Option<MovePage>,
    /// The page for crawlers, instead of the waiting page.
    pub(crate) public_page: Option<Bytes>,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) joins: Batcher<Joiner, Joined>,
    pub(crate) claims: Batcher<Keyed<Claimant>, ClaimOutcome>,
    /// The queues of fans in a room with tiers.
    pub(crate) tiers: TierQueues,
    pub(crate) renewals: Batcher<u64, RenewOutcome>,
    cookies: [Cookies; 2],
    snapshot: ArcSwapOption<Snapshot>,
    progress: Mutex<Progress>,
    best_minute: Mutex<BestMinute>,
    /// What the shop said last that it has left.
    pub(crate) stock: ArcSwapOption<u64>,
    /// The frozen roster's upper levels, once somebody has read it.
    pub(crate) tree: ArcSwapOption<RosterTree>,
    /// The same of all tiers, in a room with tiers.
    pub(crate) tier_trees: ArcSwapOption<Vec<TierTrees>>,
    /// The public part of the list of claims.
    pub(crate) public_claims: ArcSwap<PublicClaims>,
    /// The document of sessions that ended early.
    pub(crate) ended: ArcSwapOption<EndedSessions>,
    /// Signatures of rounds that are handed in are checked one at a time.
    pub(crate) hand_in: Semaphore,
    /// The sale that follows this one.
    pub(crate) next: ArcSwapOption<NextSale>,
    /// Draws of sales that are over.
    pub(crate) past: Arc<Shelf>,
    /// What single entries of those are proved from.
    pub(crate) past_trees: PastTrees,
    /// Losses of the store that tickets have proved.
    pub(crate) loss: ProvedLoss,
    /// When its tasks end, where it is not the edge's any more.
    pub(crate) retirement: Retirement,
    /// The draw log, where one is kept.
    log: Option<Arc<LiveLog>>,
    /// What is asked of those who enter; none where nothing is.
    pub(crate) entry: Option<Desk>,
}

impl LiveRoom {
    pub(crate) fn build(
        config: &RoomConfig,
        prefix: &str,
        upstream: Arc<Upstream>,
        log: Option<Arc<LiveLog>>,
        store: &Path,
    ) -> Result<(Self, RoomWorkers), PageError> {
        let input = config.page_input(prefix, entry_page(config)).map_err(|(_, error)| PageError::Picture(error))?;
        let (page, check) = (WaitingPage::build(&input)?, CheckPage::build(&input)?);
        let policy = &config.entry.policy;
        let moves = policy.binding == Binding::Key && policy.moves > 0;
        let move_page = moves.then(|| MovePage::build(&input)).transpose()?;
        let public_page = config.page.public_page.as_deref().map(read_page).transpose()?;
        let ((joins, join_worker), (claims, claim_worker), (renewals, renewal_worker)) =
            (batcher(), batcher(), batcher());
        let ((arrivals, arrival_worker), (tier_claims, tier_claim_worker)) = (batcher(), batcher());
        let tier_workers = TierWorkers { arrivals: arrival_worker, claims: tier_claim_worker };
        let cookies = [false, true].map(|secure| Cookies {
            ticket: Cookie::ticket(&config.name, secure),
            pass: Cookie::pass(&config.name, secure),
            me: Cookie::me(&config.name, secure),
            mail: Cookie::mail(&config.name, secure),
            wait: Cookie::wait(&config.name, secure),
        });
        let room = Self {
            config: config.clone(),
            page,
            check,
            move_page,
            public_page,
            upstream,
            joins,
            claims,
            tiers: TierQueues { arrivals, claims: tier_claims },
            renewals,
            cookies,
            snapshot: ArcSwapOption::empty(),
            progress: Mutex::default(),
            best_minute: Mutex::default(),
            stock: ArcSwapOption::empty(),
            tree: ArcSwapOption::empty(),
            tier_trees: ArcSwapOption::empty(),
            public_claims: ArcSwap::default(),
            ended: ArcSwapOption::empty(),
            hand_in: Semaphore::new(1),
            next: ArcSwapOption::empty(),
            past: Arc::new(Shelf::open(store, &config.name)),
            past_trees: PastTrees::default(),
            loss: ProvedLoss::default(),
            retirement: Retirement::default(),
            log,
            entry: None,
        };
        let workers =
            RoomWorkers { joins: join_worker, claims: claim_worker, tiers: tier_workers, renewals: renewal_worker };
        Ok((room, workers))
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// The public key of the draw log, where one is kept.
    pub(crate) fn log_vkey(&self) -> Option<&str> {
        self.log.as_deref().map(LiveLog::vkey)
    }

    pub(crate) fn cookies(&self, secure: bool) -> &Cookies {
        &self.cookies[usize::from(secure)]
    }

    /// The last tick's snapshot; `None` until the store has answered once.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.load_full()
    }

    pub(crate) fn state(&self) -> RoomState {
        let phase = self.snapshot.load().as_deref().map(|snapshot| snapshot.view.phase);
        RoomState { phase, open_after_end: self.config.schedule.after_end == AfterEnd::Open }
    }

    /// What the configuration has for one of the room's sales; `secret` counts only if the sale has none.
    pub(crate) fn plan(&self, sale: &SaleConfig, secret: [u8; 32]) -> SalePlan {
        SalePlan {
            room: self.config.name.clone(),
            opens_at_ms: sale.opens_at_ms,
            starts_at_ms: sale.starts_at_ms,
            ends_at_ms: sale.ends_at_ms,
            beacon: self.config.beacon.as_ref().map(|beacon| beacon.plan(sale.starts_at_ms)),
            secret,
            config_version: self.config.origin.version,
            policy: sale.policy(&self.config.policy),
            rules: self.config.rules.clone().map(Box::new),
        }
    }

    /// The class of requests to this path: a share of the shop's slots is kept for priority paths.
    pub(crate) fn class_of(&self, path: &str) -> RouteClass {
        let is_priority = self.config.priority_paths.iter().any(|prefix| is_under(prefix, path));
        if is_priority { RouteClass::Priority } else { RouteClass::Other }
    }

    /// Publishes how the room stands, and which sale is its next one.
    pub(crate) fn publish(&self, view: View, next: Option<NextSale>) {
        if let Some(log) = &self.log {
            log.observe(self.name(), &view, next.as_ref().and_then(|next| next.draw.as_ref()));
        }
        self.next.store(next.map(Arc::new));
        self.progress().observe(&Look::from(&view));
        self.best_minute.lock().unwrap_or_else(PoisonError::into_inner).observe(view.now_ms, view.admitted);
        let standing = Standing::after(self.snapshot.load().as_deref().map(|before| &before.standing), view);
        // While a room is being put right its numbers may be lower than they were.
        let status = self.status(&standing, standing.view.now_ms, standing.view.mending);
        self.snapshot.store(Some(Arc::new(Snapshot { standing, status })));
    }

    /// The most people whom this edge has seen let in within a minute.
    pub(crate) fn best_minute(&self) -> Option<u32> {
        self.best_minute.lock().unwrap_or_else(PoisonError::into_inner).best()
    }

    /// Says that the store is out of reach, and keeps showing what was known.
    pub(crate) fn publish_stale(&self, now_ms: u64) {
        let Some(before) = self.snapshot() else { return };
        let now_ms = now_ms.max(before.view.now_ms);
        let status = self.status(&before.standing, now_ms, true);
        self.snapshot.store(Some(Arc::new(Snapshot { standing: before.standing.clone(), status })));
    }

    fn status(&self, standing: &Standing, now_ms: u64, stale: bool) -> Status {
        let poll = &self.config.poll;
        let poll = PollPolicy {
            floor_ms: poll.floor_ms,
            ceiling_ms: poll.ceiling_ms,
            divisor: poll.divisor.into(),
            per_second_max: poll.polls_per_s_max.into(),
        };
        let (view, rules, tiers) = (&standing.view, standing.rules(), &*self.config.tiers);
        let (room, title, advance, log) = (self.name(), &*self.config.title, self.advance(view), self.log_vkey());
        let entry = self.entry.as_ref().map(|desk| {
            desk.step(self.joins.is_behind() || self.tiers.arrivals.is_behind(), now_ms);
            desk.document(&view.draw.descriptor_digest, now_ms)
        });
        let (entry, counts) = (entry.as_ref(), self.entry.as_ref().and_then(Desk::summary));
        let counts = counts.as_deref();
        let proof_nonce = self.entry.as_ref().filter(|desk| desk.policy.binding == Binding::Key);
        let proof_nonce = proof_nonce.map(|desk| desk.proof_nonces(&view.draw.descriptor_digest).now(now_ms));
        let (proof_nonce, next) = (proof_nonce.as_deref(), self.next.load());
        let shown = next.as_deref().filter(|_| view.phase == Phase::Ended);
        let times = shown.map_or((view.opens_at_ms, view.starts_at_ms), |next| (next.opens_at_ms, next.starts_at_ms));
        Status::build(StatusInput {
            room,
            title,
            poll,
            view,
            rules,
            tiers,
            advance,
            now_ms,
            stale,
            log,
            entry,
            counts,
            proof_nonce,
            next: next.as_deref(),
            zone: self.config.zone_of(times.0, times.1),
        })
    }

    /// The forecast of the line's speed.
    pub(crate) fn advance(&self, view: &View) -> Advance {
        self.progress().advance(&Look::from(view))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
