//! The room as a pure state machine: a command, the time, and out come an answer and the next state.
//!
//! Guarantees:
//! - no place is given twice, nobody is admitted twice, and `serving` never falls
//! - in every window of length w at most rate · w + burst fans are admitted, besides those whom people let in beyond
//!   the rate
//!
//! Time only ever comes in with a command, and never goes back. Before a command is looked at, everything that time
//! alone decides is brought up to date ([`Room::apply`]). Leases and graces run out, the phase changes, people are
//! called. A command that changes nothing leaves no trace. So replaying only those that did (see [`View::revision`])
//! rebuilds the same room. Each is replayed with the time of the command before it ([`Room::heard_until`]).
//!
//! Time in which no edge was heard ([`SILENCE_MS`]) does not count as grace. Whoever was called just before the store
//! went out of reach has the rest of the grace when it is back.
//!
//! Sizes: one bit a place, 24 bytes an entry of this minute and the last, about 150 bytes a session inside. Entries themselves
//! are not kept; whoever applies the commands keeps the roster.

mod admissions;
mod arrival;
mod arrive;
mod beacon;
mod bucket;
mod command;
mod deadlines;
mod draw;
mod enter;
mod identities;
mod keys;
mod lease;
mod limit;
mod line;
mod pace;
mod places;
mod policy;
mod prepared;
mod protocol;
mod recent;
mod refusal;
mod restore;
mod rules;
mod sale;
mod schedule;
mod shared;
mod snapshot;
mod tally;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tiers_tests;
mod time;
mod view;

pub use admissions::Admissions;
pub use arrival::{Arrival, Arrived, CodeUse, PutBack, Replaced, Spot, TAGS_MAX, USES_MAX};
pub use command::{
    BeaconPlan, ClaimOutcome, Claimant, Command, Control, Entry, Limit, Outcome, Position, Ramp, RenewOutcome,
    SalePlan, Steering, TierClaimant, TierRoots,
};
pub use draw::{Beacon, Frozen, Revealed, check_beacon, root_of_all, verified};
pub use identities::LINE;
pub use keys::{Bound, Holder, KeyName, Move, MoveOutcome};
pub use places::Places;
pub use policy::{Late, Mode, Policy};
pub use prepared::{Announced, PreparedDraw};
pub use protocol::{Committed, round as beacon_round, seed as seed_of};
pub use refusal::Refusal;
pub use rules::Rules;
pub use schedule::is_command;
pub use shared::SHARED_NUMBERS;
pub use snapshot::{
    Claims, GAP, LossEvidence, RECOVERY_MS, RECOVERY_STEP_MS, RoomSnapshot, SEEN_MS, Session, Settings, TiersSnapshot,
};
pub use tally::Tally;
pub use view::{DrawRecord, Phase, TierView, View};

use fairgate_draw::v2::Tag;
use sale::Sale;

/// The most entries, or places, that one command may name.
pub const BATCH_MAX: usize = 65_536;

/// A room that is not asked for longer than this was out of reach: edges look five times a second.
pub const SILENCE_MS: u64 = 2_000;

/// A room: nothing until it is scheduled, then one sale after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Room {
    now_ms: u64,
    revision: u64,
    generation: u64,
    sale: Option<Sale>,
}

impl Room {
    /// A room whose earlier sales ended at this revision and generation; `Room::default()` where there were none.
    #[must_use]
    pub fn after(revision: u64, generation: u64) -> Self {
        Self { revision, generation, ..Self::default() }
    }

    /// Applies a command at a time, which counts as the latest time the room has seen if it is earlier than that.
    ///
    /// # Errors
    /// The room refuses the command. What time alone decides has happened nevertheless.
    pub fn apply(&mut self, command: &Command, now_ms: u64) -> Result<Outcome, Refusal> {
        match (&self.sale, command) {
            (None, Command::Schedule(plan)) => plan.check()?,
            (None, _) => return Err(Refusal::NotScheduled),
            (Some(_), _) => {}
        }
        self.pass_time(now_ms, false);
        let answer = command.check_size().and_then(|()| self.transition(command));
        if self.sale.as_mut().is_some_and(Sale::take_changed) {
            self.revision += 1;
        }
        answer
    }

    /// Before a command that left a trace is applied again: commands that left none were heard until this time.
    pub fn heard_until(&mut self, now_ms: u64) {
        // What is due at the room's own time is the next command's to do.
        if now_ms > self.now_ms {
            self.pass_time(now_ms, true);
            self.sale.as_mut().map(Sale::take_changed);
        }
    }

    /// `was_heard`: commands were heard all that time.
    fn pass_time(&mut self, now_ms: u64, was_heard: bool) {
        let elapsed_ms = now_ms.saturating_sub(self.now_ms);
        self.now_ms += elapsed_ms;
        if let Some(sale) = &mut self.sale {
            sale.pass_time(elapsed_ms, self.now_ms, was_heard);
        }
    }

    /// How the room stands, as of the last command; nothing before it is scheduled.
    #[must_use]
    pub fn view(&self) -> Option<View> {
        self.sale.as_ref().map(|sale| sale.view(self.revision, self.now_ms))
    }

    /// The latest time that the room has seen, Unix ms.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Grows by one with every command that changed anything.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many sales this room has had, the present one included.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Entries taken so far, early and late: the position number that the next one gets.
    #[must_use]
    pub fn entered(&self) -> u64 {
        self.sale.as_ref().map_or(0, Sale::entered)
    }

    /// Entries of the pool so far, those that were left out included.
    #[must_use]
    pub fn pooled(&self) -> u64 {
        self.sale.as_ref().map_or(0, |sale| sale.arrivals.early)
    }

    /// Entries of each tier's pool so far, those that were left out included; none where the room has no tiers.
    #[must_use]
    pub fn pooled_by_tier(&self) -> Option<Tally> {
        self.sale.as_ref().and_then(|sale| sale.arrivals.numbers().tiers)
    }

    /// The tags of a tier's entries, in index order: empty where the room asks for no identity.
    #[must_use]
    pub fn tags(&self, tier: u8) -> &[Tag] {
        let tiered = self.sale.as_ref().and_then(|sale| sale.arrivals.tiered.as_deref());
        tiered.and_then(|tiered| tiered.identities.as_ref()).map_or(&[], |identities| identities.of_tier(tier))
    }

    fn transition(&mut self, command: &Command) -> Result<Outcome, Refusal> {
        let now_ms = self.now_ms;
        if let Command::Schedule(plan) = command {
            return self.schedule(plan).map(|()| Outcome::Done);
        }
        let sale = self.sale.as_mut().ok_or(Refusal::NotScheduled)?;
        if command.needs_all() {
            sale.check_whole(now_ms)?;
        }
        match command {
            Command::Schedule(_) | Command::Tick => {}
            Command::Enter(entries) => return sale.enter(entries, now_ms).map(Outcome::Entered),
            Command::Arrive(arrivals) => return sale.arrive(arrivals, now_ms).map(Outcome::Arrived),
            Command::Freeze { entries, root } => sale.freeze(*entries, root, now_ms)?,
            Command::FreezeTiers(roots) => sale.freeze_tiers(roots, now_ms)?,
            Command::Reveal { beacon } => sale.reveal(beacon.as_ref(), now_ms)?,
            Command::Claim(claimants) => {
                sale.check_tiers(false)?;
                let places: Vec<u64> = claimants.iter().map(|claimant| claimant.place).collect();
                return Ok(Outcome::Claimed(sale.claim(&places, now_ms)));
            }
            Command::ClaimTiers(claimants) => {
                sale.check_tiers(true)?;
                let places: Vec<u64> = claimants.iter().map(|claimant| claimant.place).collect();
                return Ok(Outcome::Claimed(sale.claim(&places, now_ms)));
            }
            Command::Renew(places) => return Ok(Outcome::Renewed(sale.renew(places, now_ms))),
            Command::Release(places) => sale.release(places),
            Command::Leave(places) => sale.leave(places),
            Command::Control(controls) => sale.control(controls, now_ms)?,
            Command::ControlFrom { revision, controls } => sale.control_from(*revision, controls, now_ms)?,
            Command::Steer(steering) => sale.steer(steering, now_ms),
            Command::Stock { left } => sale.stock(*left),
            Command::Learn { end, left_out } => sale.learn(*end, *left_out, now_ms),
            Command::LearnTier { tier, end, left_out } => sale.learn_tier(*tier, *end, *left_out, now_ms)?,
            Command::Move(wanted) => return Ok(Outcome::Moved(sale.shift(wanted, now_ms))),
            Command::ByKey { holders, command } => return sale.by_key(holders, command, now_ms),
        }
        Ok(Outcome::Done)
    }

    /// A plan opens the first sale, or the next one after the end of the last; otherwise it is the sale's own matter.
    fn schedule(&mut self, plan: &SalePlan) -> Result<(), Refusal> {
        plan.check()?;
        self.sale.as_ref().map_or(Ok(()), |sale| sale.schedule.check_origin(plan))?;
        match &mut self.sale {
            Some(sale) if !sale.is_succeeded_by(plan) => sale.reschedule(plan, self.now_ms),
            _ => {
                self.generation += 1;
                self.sale = Some(Sale::new(plan, self.now_ms));
                Ok(())
            }
        }
    }
}
