//! A sale as somebody knows it, and how it takes back what it has lost.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use fairgate_draw::v2::Tag;

use super::arrival::{PutBack, Spot};
use super::identities::{LINE, spot};
use super::places::Places;
use super::sale::Sale;
use super::snapshot::Numbers;
use super::snapshot::{Claims, LossEvidence, RECOVERY_MS, RoomSnapshot, Settings};
use super::tally::Tally;
use super::{Entry, Refusal, SalePlan, TiersSnapshot};

/// What was left out for a loss.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gaps {
    /// True if a gap is to be left unless all edges that may know more are heard.
    pub(super) is_owed: bool,
    /// While the room is put right: the first number that nobody is known to have been given.
    from: Option<u64>,
    /// Numbers of the pool that were left out so far.
    in_pool: u64,
}

impl Gaps {
    /// Numbers below `end` are known to have been given.
    fn note_known(&mut self, end: u64) {
        self.from = self.from.max(Some(end));
    }

    /// Another draw begins, of which nothing was lost.
    pub(super) fn forget(&mut self) {
        (self.from, self.in_pool) = (None, 0);
    }

    /// True if numbers are being left out.
    fn is_open(&self) -> bool {
        self.from.is_some()
    }
}

impl Sale {
    /// The sale of a plan of which nothing else is known: not even whether its pool is closed.
    pub(super) fn lost(plan: &SalePlan, scheduled_at_ms: u64) -> Self {
        Self { scheduled_at_ms, pool_is_closed: false, ..Self::new(plan, 0) }
    }

    /// What this sale would have to be told to be itself again; the room knows the rest.
    pub(super) fn memory(&self) -> RoomSnapshot {
        let (counts, numbers) = (self.line.counts(), self.arrivals.numbers());
        let (frozen, revealed) = self.draw.public();
        RoomSnapshot {
            now_ms: 0,
            revision: 0,
            generation: 0,
            scheduled_at_ms: self.scheduled_at_ms,
            plan: self.schedule.plan(self.draw.secret()),
            settings: self.settings(),
            early: numbers.early,
            late: numbers.late,
            pool_is_closed: self.pool_is_closed,
            frozen,
            revealed,
            serving: counts.serving,
            lapsed: self.line.lapsed(),
            admitted: counts.admitted,
            expired: counts.expired,
            honoured: counts.honoured,
            left: counts.left,
            let_in: counts.let_in,
            closed: (*self.leases.closed()).clone(),
            tiers: numbers
                .tiers
                .map(|early| TiersSnapshot { early, frozen: self.draw.frozen_tiers().map(<[_]>::to_vec) }),
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            version: self.settings_version,
            policy: self.schedule.policy.clone(),
            ends_at_ms: self.schedule.ends_at_ms,
            paused: self.paused,
            draining: self.draining,
            sold_out: self.sold_out,
            out_of_stock: self.out_of_stock,
            message: self.message.clone(),
            ramp: self.pace.ramp,
        }
    }

    /// True if this is the draw that a plan commits to.
    pub(super) fn is_draw_of(&self, plan: &SalePlan) -> bool {
        self.draw.is_of(plan)
    }

    /// True if an edge knows a sale that this one, of such a generation, has to give way to.
    ///
    /// That is a later sale, or of the same generation one that was scheduled first. Fans knew that one before the store
    /// lost it and an edge began the sale anew. Of the plans that one sale has had before its pool opened, it is the one
    /// with more changes.
    pub(super) fn gives_way_to(&self, memory: &RoomSnapshot, generation: u64) -> bool {
        let rank = |generation, scheduled_at_ms, changes| (generation, Reverse(scheduled_at_ms), changes);
        rank(memory.generation, memory.scheduled_at_ms, memory.settings.version)
            > rank(generation, self.scheduled_at_ms, self.settings_version)
    }

    /// Leaves a gap where the end is missing; answers whether it is.
    pub(super) fn leave_gap_if(&mut self, is_lost: bool, now_ms: u64) -> bool {
        if is_lost {
            self.leave_gap(now_ms);
        }
        is_lost
    }

    /// The pool is about to close. Who has not been heard yet may have entries in it, which need numbers in it.
    pub(super) fn leave_owed_gap(&mut self, now_ms: u64) {
        let is_owed = std::mem::take(&mut self.gaps.is_owed);
        self.changed |= self.leave_gap_if(is_owed, now_ms);
    }

    fn leave_gap(&mut self, now_ms: u64) {
        let numbers = self.arrivals.numbers();
        self.gaps.note_known(numbers.end());
        self.go_on_from(numbers.leave_gap(self.pool_is_closed), now_ms);
    }

    /// Goes on from these numbers; answers whether they are others. What was not there before is missing.
    fn go_on_from(&mut self, numbers: Numbers, now_ms: u64) -> bool {
        let before = self.arrivals.numbers();
        self.missing = (self.missing + numbers.early).saturating_sub(before.early);
        if let (Some(now), Some(before)) = (numbers.tiers, before.tiers) {
            let tiers = now.iter().zip(before.iter()).zip(self.missing_by_tier.iter());
            let missing = tiers.map(|((now, before), missing)| (missing + now).saturating_sub(before));
            self.missing_by_tier = missing.collect();
            self.missing = self.missing_by_tier.sum();
        }
        self.arrivals.restore(numbers, now_ms)
    }

    /// Takes back what somebody knows; answers whether any of it was missing.
    pub(super) fn restore(
        &mut self,
        memory: &RoomSnapshot,
        claims: &Claims,
        loss: LossEvidence,
        is_part_gone: bool,
        now_ms: u64,
    ) -> bool {
        let end = self.arrivals.count();
        let is_suspect = self.gaps.is_owed || matches!(loss, LossEvidence::Suspected { .. });
        let is_recovering = loss == LossEvidence::Proven || (self.is_recovering(now_ms) && !is_suspect);
        let mut was_missing = is_part_gone | self.leave_gap_if(loss == LossEvidence::Proven, now_ms);
        was_missing |= self.restore_numbers(memory, is_recovering, now_ms);
        let frozen_tiers = memory.tiers.as_ref().and_then(|tiers| tiers.frozen.as_deref());
        was_missing |= self.draw.restore(memory.frozen, frozen_tiers, memory.revealed);
        was_missing |= self.restore_settings(&memory.settings);
        was_missing |= self.schedule.restore_configured(&memory.plan);
        self.pool_is_closed |= memory.pool_is_closed;
        was_missing |= self.restore_line(memory, &claims.gone);
        was_missing |= self.leases.restore(&claims.sessions, &memory.closed, now_ms);
        was_missing |= self.keys.restore(&claims.moves);
        if was_missing && is_suspect {
            // It has lost something, and may have lost numbers that nobody here knows.
            self.gaps.is_owed = false;
            self.leave_gap_if(self.arrivals.count() == end, now_ms);
        }
        was_missing
    }

    /// Whatever was known so far is here; `others` may know more.
    pub(super) fn suspect(&mut self, others: bool, now_ms: u64) {
        self.gaps.is_owed = others;
        self.recovering_until_ms = if others { now_ms + RECOVERY_MS } else { now_ms };
        self.take_changed();
    }

    /// Nobody knows more: nothing was lost. Answers whether that was not clear before.
    pub(super) fn all_were_heard(&mut self, now_ms: u64) -> bool {
        let was_owed = std::mem::take(&mut self.gaps.is_owed);
        if was_owed {
            self.recovering_until_ms = now_ms;
        }
        was_owed
    }

    /// Once the room is right again: an edge that has not been heard may have known more, so a gap is left for that.
    /// What was left out is passed over.
    pub(super) fn settle_gaps(&mut self, now_ms: u64) {
        if self.is_recovering(now_ms) {
            return;
        }
        if std::mem::take(&mut self.gaps.is_owed) {
            self.leave_gap(now_ms);
            self.line.begin_again();
            self.changed = true;
        }
        if let Some(from) = self.gaps.from.take() {
            let (early, end) = (self.arrivals.early, self.arrivals.count());
            self.gaps.in_pool += end.min(early).saturating_sub(from);
            self.line.pass_over(from.max(early)..end);
            self.changed = true;
        }
    }

    /// How many entries of the pool are missing because their numbers were left out.
    pub(super) fn left_out(&self) -> u64 {
        self.gaps.in_pool.min(self.missing)
    }

    /// Takes back places and sessions; answers whether any were missing.
    pub(super) fn put_back(&mut self, claims: &Claims, now_ms: u64) -> bool {
        let line_size = self.line_size();
        let was_missing = self.line.put_back(&claims.gone, line_size)
            | self.leases.restore(&claims.sessions, &BTreeMap::new(), now_ms);
        if was_missing {
            self.mend(now_ms);
        }
        was_missing
    }

    /// Numbers below `end` were given: where fewer are known, the end of this sale has been lost.
    pub(super) fn learn(&mut self, end: u64, left_out: u64, now_ms: u64) {
        let numbers = self.arrivals.numbers();
        if end <= numbers.end() {
            return;
        }
        self.gaps.note_known(end);
        let stands = self.draw.is_frozen() || (self.pool_is_closed && !numbers.is_guess);
        self.go_on_from(numbers.learn(end + left_out, stands), now_ms);
        self.mend(now_ms);
        self.changed = true;
    }

    /// Indexes of a tier below `end` were given: where fewer are known, the end of this sale has been lost.
    pub(super) fn learn_tier(&mut self, tier: u8, end: u64, left_out: u64, now_ms: u64) -> Result<(), Refusal> {
        let numbers = self.arrivals.numbers();
        let Some(tiers) = numbers.tiers else { return Err(Refusal::no_tiers()) };
        if usize::from(tier) >= tiers.tiers() {
            return Err(Refusal::no_such_tier(tier.into()));
        }
        let stands = self.draw.is_frozen() || (self.pool_is_closed && !numbers.is_guess);
        if end > tiers.of(tier) && !stands {
            self.gaps.note_known(numbers.end() + (end - tiers.of(tier)));
            self.go_on_from(numbers.learn_tier(tier, end + left_out), now_ms);
            self.mend(now_ms);
            self.changed = true;
        }
        Ok(())
    }

    fn restore_numbers(&mut self, memory: &RoomSnapshot, is_recovering: bool, now_ms: u64) -> bool {
        let numbers = self.arrivals.numbers();
        let restored = numbers.restore(memory, self.draw.is_frozen(), self.pool_is_closed, is_recovering);
        if restored.end() > numbers.end() || self.gaps.is_open() {
            self.gaps.note_known(memory.early + memory.late);
        }
        self.go_on_from(restored, now_ms)
    }

    fn restore_settings(&mut self, known: &Settings) -> bool {
        let is_newer = known.version > self.settings_version;
        if is_newer {
            self.settings_version = known.version;
            (self.schedule.policy, self.schedule.ends_at_ms) = (known.policy.clone(), known.ends_at_ms);
            (self.paused, self.draining) = (known.paused, known.draining);
            (self.sold_out, self.out_of_stock) = (known.sold_out, known.out_of_stock);
            (self.message, self.pace.ramp) = (known.message.clone(), known.ramp);
        }
        is_newer
    }

    fn restore_line(&mut self, memory: &RoomSnapshot, gone: &Places) -> bool {
        self.line.restore(memory, gone, self.line_size())
    }

    /// After something was put back: waits for others who may know more, and lets the line begin again.
    pub(super) fn mend(&mut self, now_ms: u64) {
        self.recovering_until_ms = now_ms + RECOVERY_MS;
        self.line.begin_again();
        self.enter_phase(now_ms);
        self.take_changed();
    }

    /// Counts entries that were put back into the roster; before its root is made, others may have more.
    pub(super) fn refilled(&mut self, entries: u64, now_ms: u64) {
        self.missing = self.missing.saturating_sub(entries);
        if !self.draw.is_frozen() {
            self.recovering_until_ms = self.recovering_until_ms.max(now_ms + RECOVERY_MS);
        }
    }

    /// Puts an entry of a room with tiers back to its position, where that is empty since a loss.
    pub(super) fn put_back_entry(&mut self, at: Spot, entry: &Entry, tag: Tag, now_ms: u64) -> PutBack {
        let early = self.arrivals.early;
        let Some(tiered) = &mut self.arrivals.tiered else { return PutBack::Refused };
        let (tier, index) = match at {
            Spot::Pool { tier, index } if index < tiered.early.of(tier) => (tier, index),
            Spot::Line { place } if place >= early && place < early + self.arrivals.late => (LINE, place - early),
            _ => return PutBack::Refused,
        };
        let emptied = match &mut tiered.identities {
            Some(identities) => match identities.put_back((tier, index), entry, tag, self.draw.is_frozen()) {
                Some(emptied) => emptied,
                None => return PutBack::Refused,
            },
            None => None,
        };
        let missing = &mut self.missing_by_tier;
        missing.set(tier, missing.of(tier).saturating_sub(1));
        if let Some((tier, _)) = emptied {
            missing.add(tier, 1);
        }
        self.missing = missing.sum();
        self.refilled(0, now_ms);
        PutBack::Taken { emptied: emptied.map(|at| spot(at, early)) }
    }

    /// Entries were taken away from the roster.
    pub(super) fn lost_entries(&mut self, entries: u64) {
        self.missing = (self.missing + entries).min(self.arrivals.early).max(self.missing);
    }

    /// The roster is again what its root was made of; answers whether there is a root.
    pub(super) fn roster_put_back(&mut self) -> bool {
        let (frozen, _) = self.draw.public();
        self.missing = frozen.map_or(self.missing, |frozen| frozen.missing);
        if let Some(tiers) = self.draw.frozen_tiers() {
            self.missing_by_tier = tiers.iter().map(|tier| tier.missing).collect::<Tally>();
        }
        frozen.is_some()
    }

    /// The rosters of all tiers, and these tags, are again what their roots were made of; answers whether there are roots.
    pub(super) fn tiers_put_back(&mut self, tags: &[Vec<Tag>]) -> bool {
        let identities = self.arrivals.tiered.as_mut().and_then(|tiered| tiered.identities.as_mut());
        if let Some(identities) = identities {
            identities.put_back_all(tags);
        }
        self.roster_put_back()
    }

    /// True if other edges may still know more.
    pub(super) fn is_recovering(&self, now_ms: u64) -> bool {
        now_ms < self.recovering_until_ms
    }

    /// Refuses while others may still know more.
    pub(super) fn check_whole(&self, now_ms: u64) -> Result<(), Refusal> {
        match self.is_recovering(now_ms) {
            true => Err(Refusal::Recovering { until_ms: self.recovering_until_ms }),
            false => Ok(()),
        }
    }
}
