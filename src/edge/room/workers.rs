//! The workers of a room's queues, which call the store and measure the calls.

use std::sync::Arc;
use std::time::Instant;

use super::batch::BatchWorker;
use super::keyed::{Keyed, command};
use crate::observe::EdgeMetrics;
use fairgate_core::room::{
    Arrival, Arrived, ClaimOutcome, Claimant, Command, Outcome, Refusal, RenewOutcome, TierClaimant,
};
use fairgate_store::{Joined, Joiner, Store, StoreError};
use fairgate_telemetry::supervise::Supervisor;

/// The ends of a room's queues that call the store.
pub(crate) struct RoomWorkers {
    pub(crate) joins: BatchWorker<Joiner, Joined>,
    pub(crate) claims: BatchWorker<Keyed<Claimant>, ClaimOutcome>,
    pub(crate) tiers: TierWorkers,
    pub(crate) renewals: BatchWorker<u64, RenewOutcome>,
}

/// Those of a room with tiers.
pub(crate) struct TierWorkers {
    pub(crate) arrivals: BatchWorker<Joiner<Arrival>, Joined<Arrived>>,
    pub(crate) claims: BatchWorker<Keyed<TierClaimant>, ClaimOutcome>,
}

impl RoomWorkers {
    /// Serves the room's queues until the edge stops.
    pub(crate) async fn run(&self, room: &str, store: &Arc<dyn Store>, metrics: &EdgeMetrics, supervisor: &Supervisor) {
        let caller = Caller { room, store, metrics };
        let enter = |joiners: Vec<Joiner>| {
            metrics.observe_join_batch(room, joiners.len());
            caller.measured("enter", store.join(room, joiners))
        };
        let claim = |claimants| caller.call("claim", command(claimants, Command::Claim), claimed);
        let renew = |places| caller.call("renew", Command::Renew(places), renewed);
        let task = |queue: &str| format!("{queue} of {room}");
        let (joins, claims, renewals) = (task("joins"), task("claims"), task("renewals"));
        tokio::join!(
            supervisor.keep_until_done(&joins, || self.joins.run(enter)),
            supervisor.keep_until_done(&claims, || self.claims.run(claim)),
            supervisor.keep_until_done(&renewals, || self.renewals.run(renew)),
            self.tiers.run(caller, supervisor),
        );
    }
}

impl TierWorkers {
    async fn run(&self, caller: Caller<'_>, supervisor: &Supervisor) {
        let room = caller.room;
        let arrive = |comers: Vec<Joiner<Arrival>>| {
            caller.metrics.observe_join_batch(room, comers.len());
            caller.measured("arrive", caller.store.arrive(room, comers))
        };
        let claim = |claimants| caller.call("claim", command(claimants, Command::ClaimTiers), claimed);
        let (arrivals, claims) = (format!("arrivals of {room}"), format!("claims in tiers of {room}"));
        tokio::join!(
            supervisor.keep_until_done(&arrivals, || self.arrivals.run(arrive)),
            supervisor.keep_until_done(&claims, || self.claims.run(claim)),
        );
    }
}

/// Calls the store for one room, and measures it.
#[derive(Clone, Copy)]
struct Caller<'a> {
    room: &'a str,
    store: &'a Arc<dyn Store>,
    metrics: &'a EdgeMetrics,
}

impl Caller<'_> {
    async fn call<O>(
        self,
        name: &'static str,
        command: Command,
        read: fn(Outcome) -> Option<Vec<O>>,
    ) -> Result<Vec<O>, StoreError> {
        let outcome = self.measured(name, self.store.apply(self.room, command)).await;
        let misfit = || StoreError::Refused(Refusal::Invalid("the store answered another command".to_owned()));
        read(outcome?).ok_or_else(misfit)
    }

    async fn measured<O>(
        self,
        name: &'static str,
        call: impl Future<Output = Result<O, StoreError>>,
    ) -> Result<O, StoreError> {
        let begun = Instant::now();
        let outcome = call.await;
        let failed = matches!(outcome, Err(StoreError::Unavailable(_) | StoreError::Damaged(_)));
        self.metrics.observe_store_call(name, begun.elapsed(), failed);
        outcome
    }
}

fn claimed(outcome: Outcome) -> Option<Vec<ClaimOutcome>> {
    if let Outcome::Claimed(outcomes) = outcome { Some(outcomes) } else { None }
}

fn renewed(outcome: Outcome) -> Option<Vec<RenewOutcome>> {
    if let Outcome::Renewed(outcomes) = outcome { Some(outcomes) } else { None }
}
