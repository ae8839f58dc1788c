//! What is known of a sale outside of its store, and how a room that was lost takes it back.
//!
//! Guarantees:
//! - the highest number wins, so it does not matter who puts back what he knows first, or how often
//! - behind the highest number that any edge knows a gap is left
//! - no number is given a second time, though an edge that knew a higher one may be gone
//! - while a room is mending no fan gets a number, is admitted or is called: every edge can put back what it knows
//!   first

use std::collections::BTreeMap;

use fairgate_draw::v2::{FrozenTier, Tag};
use serde::{Deserialize, Serialize};

use super::draw::{Frozen, Revealed};
use super::places::Places;
use super::sale::Sale;
use super::tally::Tally;
use super::{Bound, Entry, Policy, PutBack, Ramp, Room, SalePlan, Spot};

/// Numbers left out behind the highest one that is known. More than one edge answers between two looks at the room.
pub const GAP: u64 = 1_000;
/// How long a room mends after somebody put something back: an edge whose look goes unanswered for a second looks again
/// in that time.
pub const RECOVERY_MS: u64 = 2_000;
/// Of one step of the room's time no more counts for that. The clocks of two edges may be seconds apart, and the others
/// cannot have looked in between.
pub const RECOVERY_STEP_MS: u64 = 500;
/// An edge that has not looked for so long cannot have been answered what a server that takes over lacks.
pub const SEEN_MS: u64 = 10_000;

/// Evidence that the end of what a room had is missing, when an edge tells what it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossEvidence {
    /// None: the room is as it was left.
    None,
    /// The room is in another server's hands, and no older than what this edge knows. `others` may know more. While they
    /// have not been heard, no fan gets a number. If none of them knows more in the end, nothing was lost.
    Suspected {
        /// True if there are edges that have not been heard.
        others: bool,
    },
    /// The room is older than what an edge knows of it.
    Proven,
}

/// What an edge was told of a room: with it, a sale can go on that its store has lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSnapshot {
    /// The room's time.
    pub now_ms: u64,
    /// The room's revision.
    pub revision: u64,
    /// The number of the room's sale.
    pub generation: u64,
    /// When the sale was scheduled first; to move it before its pool opens changes nothing of that. Of two sales in one
    /// place the older one is the one that fans know.
    pub scheduled_at_ms: u64,
    /// The plan as it was configured last, with the draw's secret.
    pub plan: SalePlan,
    /// What people may change.
    pub settings: Settings,
    /// Entries of the pool.
    pub early: u64,
    /// Later arrivals.
    pub late: u64,
    /// True if the pool is closed, so that `early` is N.
    pub pool_is_closed: bool,
    /// The roster's root, once it is public.
    pub frozen: Option<Frozen>,
    /// The seed, once it is public.
    pub revealed: Option<Revealed>,
    /// Places below have been called.
    pub serving: u64,
    /// No place below may still come.
    pub lapsed: u64,
    /// Places admitted.
    pub admitted: u64,
    /// Called places that were not claimed in time.
    pub expired: u64,
    /// Late comers who were let come all the same.
    pub honoured: u64,
    /// Places given up.
    pub left: u64,
    /// People called beyond the rate, or still to be called so.
    pub let_in: u64,
    /// Sessions that ended early, by place, with the time their pass would have lasted.
    pub closed: BTreeMap<u64, u64>,
    /// In a room with tiers: what is known of each. Whoever writes this down does so beside it, since the first version had
    /// none.
    #[serde(skip)]
    pub tiers: Option<TiersSnapshot>,
}

/// What is known of the tiers of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TiersSnapshot {
    /// Entries of each pool.
    pub early: Tally,
    /// The rosters' roots, once they are public.
    pub frozen: Option<Vec<FrozenTier>>,
}

/// What people may change while a room is live, and what the shop said last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Grows with every change; the highest is in force.
    pub version: u64,
    /// How people are admitted.
    pub policy: Policy,
    /// When the sale ends.
    pub ends_at_ms: Option<u64>,
    /// True if the leak is paused.
    pub paused: bool,
    /// True if no more fans are called.
    pub draining: bool,
    /// True if the organizer said that nothing is left.
    pub sold_out: bool,
    /// True if the shop said that nothing is left.
    pub out_of_stock: bool,
    /// The organizer's message.
    pub message: Option<String>,
    /// The change of the rate that was asked for last, and when it began.
    pub ramp: Option<(Ramp, u64)>,
}

/// The places that one edge let in or took back itself, the sessions that it opened, and the positions that it moved to other
/// keys: no store tells it of others'.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// Places that were admitted or given up.
    pub gone: Places,
    /// Sessions inside, by place.
    pub sessions: BTreeMap<u64, Session>,
    /// Positions that moved. Whoever writes this down does so beside it, since the first version had none.
    #[serde(skip)]
    pub moves: BTreeMap<Spot, Bound>,
}

impl Claims {
    /// Notes that a position has moved, unless a later move of it is known.
    pub fn note_move(&mut self, at: Spot, bound: Bound) {
        if bound.is_later_than(self.moves.get(&at)) {
            self.moves.insert(at, bound);
        }
    }

    /// Takes in those of another process of the same edge.
    pub fn unite(&mut self, other: Self) {
        self.gone.unite(&other.gone, u64::MAX);
        for (place, session) in other.sessions {
            let known = self.sessions.entry(place).or_insert(session);
            known.expires_at_ms = known.expires_at_ms.max(session.expires_at_ms);
        }
        for (at, bound) in other.moves {
            self.note_move(at, bound);
        }
    }
}

/// A session inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// When the place was admitted.
    pub admitted_at_ms: u64,
    /// When it ends unless it is used.
    pub expires_at_ms: u64,
    /// When it ends whatever happens.
    pub hard_end_at_ms: u64,
}

impl Room {
    /// What the room would have to be told to be this room again, but for the places that came in and the entries.
    #[must_use]
    pub fn memory(&self) -> Option<RoomSnapshot> {
        self.sale.as_ref().map(|sale| RoomSnapshot {
            now_ms: self.now_ms,
            revision: self.revision,
            generation: self.generation,
            ..sale.memory()
        })
    }

    /// Takes back what somebody knows. `gone`: where a part of the room was taken away, and nothing else, how many entries of
    /// the roster were in it.
    pub fn restore(
        &mut self,
        memory: Option<&RoomSnapshot>,
        claims: &Claims,
        loss: LossEvidence,
        gone: Option<u64>,
        now_ms: u64,
    ) {
        let known_ms = now_ms.max(self.now_ms).max(memory.map_or(0, |memory| memory.now_ms));
        let loss = self.loss_of(loss, known_ms);
        let was_missing = match memory {
            Some(memory) => self.restore_from(memory, claims, loss, gone.is_some(), known_ms),
            None => self.sale.as_mut().is_some_and(|sale| sale.leave_gap_if(loss == LossEvidence::Proven, known_ms)),
        };
        let was_missing = was_missing || gone.is_some();
        match (&mut self.sale, loss) {
            (Some(sale), _) if was_missing => {
                sale.lost_entries(gone.unwrap_or(0));
                sale.mend(known_ms);
                self.now_ms = known_ms;
                self.revision = self.revision.max(memory.map_or(0, |memory| memory.revision)) + 1;
            }
            (Some(_), LossEvidence::Suspected { others }) => self.suspect(others, now_ms),
            _ => {}
        }
    }

    /// The pool closes by this time, and others may know more. Entries that they have yet to put back need numbers in it, so what
    /// may be lost counts as lost.
    fn loss_of(&self, loss: LossEvidence, now_ms: u64) -> LossEvidence {
        match (&self.sale, loss) {
            (Some(sale), LossEvidence::Suspected { others: true }) if sale.closes_by(now_ms) => LossEvidence::Proven,
            _ => loss,
        }
    }

    /// Nothing is known to be missing, and time goes on as if nothing had happened.
    fn suspect(&mut self, others: bool, now_ms: u64) {
        self.pass_time(now_ms, false);
        if let Some(sale) = &mut self.sale {
            sale.suspect(others, self.now_ms);
            self.revision += 1;
        }
    }

    /// All who might know more than this room, since it came into another server's hands, have been heard.
    pub fn all_were_heard(&mut self) {
        let now_ms = self.now_ms;
        if self.sale.as_mut().is_some_and(|sale| sale.all_were_heard(now_ms)) {
            self.revision += 1;
        }
    }

    /// True if an edge that may know more has not been heard.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.sale.as_ref().is_some_and(|sale| sale.gaps.is_owed)
    }

    /// Takes back places and sessions of which a record says that they came in.
    pub fn put_back(&mut self, claims: &Claims) {
        let now_ms = self.now_ms;
        if self.sale.as_mut().is_some_and(|sale| sale.put_back(claims, now_ms)) {
            self.revision += 1;
        }
    }

    /// Notes that so many entries were put back into the roster. Whoever keeps the roster has to say so: while entries
    /// come in no root is made.
    pub fn refilled(&mut self, entries: u64) {
        if let Some(sale) = self.sale.as_mut().filter(|_| entries > 0) {
            sale.refilled(entries, self.now_ms);
            self.revision += 1;
        }
    }

    /// Puts an entry that was answered back into a room with tiers, to its own position. Whoever keeps the rosters says that the
    /// position is empty there, and empties the one that is answered. Behind the last one that is [taken](PutBack::Taken) comes
    /// [`Self::entries_put_back`].
    pub fn put_back_entry(&mut self, at: Spot, entry: &Entry, tag: Tag) -> PutBack {
        let now_ms = self.now_ms;
        self.sale.as_mut().map_or(PutBack::Refused, |sale| sale.put_back_entry(at, entry, tag, now_ms))
    }

    /// Entries were put back by [`Self::put_back_entry`].
    pub fn entries_put_back(&mut self) {
        self.revision += 1;
    }

    /// Notes that the frozen roster was put back from a copy of it, which whoever keeps it has to say.
    pub fn roster_put_back(&mut self) {
        if self.sale.as_mut().is_some_and(Sale::roster_put_back) {
            self.revision += 1;
        }
    }

    /// Notes that the frozen rosters of all tiers were put back from copies of them, with these tags.
    pub fn tiers_put_back(&mut self, tags: &[Vec<Tag>]) {
        if self.sale.as_mut().is_some_and(|sale| sale.tiers_put_back(tags)) {
            self.revision += 1;
        }
    }

    /// Answers whether anything was missing.
    fn restore_from(
        &mut self,
        memory: &RoomSnapshot,
        claims: &Claims,
        loss: LossEvidence,
        is_part_gone: bool,
        now_ms: u64,
    ) -> bool {
        let generation = self.generation;
        match &mut self.sale {
            Some(sale) if generation == memory.generation && sale.is_draw_of(&memory.plan) => {
                sale.restore(memory, claims, loss, is_part_gone, now_ms)
            }
            Some(sale) if !sale.gives_way_to(memory, generation) => {
                sale.leave_gap_if(loss == LossEvidence::Proven, now_ms)
            }
            _ => {
                let mut sale = Sale::lost(&memory.plan, memory.scheduled_at_ms);
                sale.restore(memory, claims, LossEvidence::Proven, false, now_ms);
                (self.sale, self.generation) = (Some(sale), memory.generation);
                true
            }
        }
    }
}

/// The numbers of a sale: how many came early and late, and whether the first is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) early: u64,
    pub(super) late: u64,
    /// N may be higher than it was, for the gap in it.
    pub(super) is_guess: bool,
    /// In a room with tiers: how many came early into each, `early` in all.
    pub(super) tiers: Option<Tally>,
}

impl Numbers {
    /// The number that the next one gets.
    pub(super) fn end(self) -> u64 {
        self.early + self.late
    }

    /// Leaves a gap: in the pool while it is open, behind the line once N stands.
    pub(super) fn leave_gap(self, pool_is_closed: bool) -> Self {
        match pool_is_closed {
            true => Self { late: self.late + GAP, ..self },
            false => self.with_early(self.early + GAP, |tiers| tiers.map(|entries| entries + GAP)).guessed(true),
        }
    }

    /// These numbers with another N: the first is that of a room without tiers, and of a room with tiers each tier's changes.
    fn with_early(self, early: u64, change: impl FnOnce(Tally) -> Tally) -> Self {
        match self.tiers.map(change) {
            None => Self { early, ..self },
            Some(tiers) => Self { early: tiers.sum(), tiers: Some(tiers), ..self },
        }
    }

    fn guessed(self, is_guess: bool) -> Self {
        Self { is_guess, ..self }
    }

    /// Goes on with the number `end`. `stands`: whether N does.
    pub(super) fn learn(self, end: u64, stands: bool) -> Self {
        // A place says nothing about which tier has lost entries, so each of them may have.
        let more = end.saturating_sub(self.end());
        match stands {
            true => Self { late: end - self.early, ..self },
            false => self.with_early(end - self.late, |tiers| tiers.map(|entries| entries + more)).guessed(true),
        }
    }

    /// A tier goes on with the number `end`, as far as N does not stand.
    pub(super) fn learn_tier(self, tier: u8, end: u64) -> Self {
        let changed = self.with_early(self.early, |mut tiers| {
            tiers.set(tier, tiers.of(tier).max(end));
            tiers
        });
        changed.guessed(true)
    }

    /// Takes in what somebody knows of them. `is_recovering`: others may know more, so gaps are left.
    pub(super) fn restore(
        self,
        memory: &RoomSnapshot,
        is_frozen: bool,
        pool_is_closed: bool,
        is_recovering: bool,
    ) -> Self {
        let (known, is_n_known) = (memory.early + memory.late, memory.pool_is_closed);
        let known_tiers = memory.tiers.as_ref().map(|tiers| tiers.early).unwrap_or_default();
        let stands = is_frozen || (pool_is_closed && !self.is_guess);
        let is_ahead = !stands && self.tiers.is_some_and(|tiers| tiers.is_below(&known_tiers));
        let needs_gap = is_recovering || known > self.end() || is_ahead;
        let end = if needs_gap { self.end().max(known + GAP) } else { self.end() };
        let gap = |ours: u64, known: u64| ours.max(known + if needs_gap { GAP } else { 0 });
        match (stands, is_n_known) {
            (true, _) => Self { late: end - self.early, ..self },
            // Whoever knows N knows better than a guess, and it gets no gap.
            (false, true) => {
                let tiers = self.tiers.map(|tiers| tiers.with(&known_tiers, |_, known| known));
                Self { early: memory.early, late: end.saturating_sub(memory.early), is_guess: false, tiers }
            }
            (false, false) => self
                .with_early(end - self.late, |tiers| tiers.with(&known_tiers, gap))
                .guessed(self.is_guess || needs_gap),
        }
    }
}
