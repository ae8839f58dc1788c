//! A sale as somebody knows it, and how it takes back what it has lost.

use super::memory::{Claims, MENDING_MS, Memory, Settings};
use super::places::Places;
use super::sale::Sale;
use super::{Plan, Refusal};

impl Sale {
    /// The sale of a plan of which nothing else is known: not even whether its pool is closed.
    pub(super) fn lost(plan: &Plan, scheduled_at_ms: u64) -> Self {
        Self { scheduled_at_ms, pool_is_closed: false, ..Self::new(plan, 0) }
    }

    /// What this sale would have to be told to be itself again; the room knows the rest.
    pub(super) fn memory(&self) -> Memory {
        let (counts, numbers) = (self.line.counts(), self.arrivals.numbers());
        let (frozen, revealed) = self.draw.public();
        Memory {
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

    /// Whether this is the draw that a plan commits to.
    pub(super) fn is_draw_of(&self, plan: &Plan) -> bool {
        self.draw.is_of(plan)
    }

    /// Whether somebody knows a sale that this one, of such a generation, has to give way to: a later one, or an older
    /// one of the same generation, which fans knew before the store lost it and somebody began anew.
    pub(super) fn gives_way_to(&self, memory: &Memory, generation: u64) -> bool {
        let is_older = memory.scheduled_at_ms < self.scheduled_at_ms;
        memory.generation > generation || (memory.generation == generation && is_older)
    }

    /// Leaves a gap where the end may be missing; answers whether it may.
    pub(super) fn leave_gap(&mut self, is_lost: bool) -> bool {
        if is_lost {
            let numbers = self.arrivals.numbers();
            let behind = numbers.leave_gap(self.pool_is_closed);
            self.missing += behind.early - numbers.early;
            self.arrivals.restore(behind);
        }
        is_lost
    }

    /// Takes back what somebody knows; answers whether any of it was missing.
    pub(super) fn restore(&mut self, memory: &Memory, claims: &Claims, is_lost: bool, now_ms: u64) -> bool {
        let is_mending = is_lost || self.is_mending(now_ms);
        let mut was_missing = self.leave_gap(is_lost);
        was_missing |= self.restore_numbers(memory, is_mending);
        was_missing |= self.draw.restore(memory.frozen, memory.revealed);
        was_missing |= self.restore_settings(&memory.settings);
        was_missing |= self.schedule.restore_configured(&memory.plan);
        self.pool_is_closed |= memory.pool_is_closed;
        was_missing |= self.restore_line(memory, &claims.gone);
        was_missing |= self.leases.restore(&claims.sessions, &memory.closed, now_ms);
        was_missing
    }

    fn restore_numbers(&mut self, memory: &Memory, is_mending: bool) -> bool {
        let numbers = self.arrivals.numbers();
        let restored = numbers.restore(memory, self.draw.is_frozen(), self.pool_is_closed, is_mending);
        self.missing = (self.missing + restored.early).saturating_sub(numbers.early);
        self.arrivals.restore(restored)
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

    fn restore_line(&mut self, memory: &Memory, gone: &Places) -> bool {
        self.line.restore(memory, gone, self.line_size())
    }

    /// After something was put back: waits for others who may know more, and lets the line begin again.
    pub(super) fn mend(&mut self, now_ms: u64) {
        self.mending_until_ms = now_ms + MENDING_MS;
        self.line.begin_again();
        self.enter_phase(now_ms);
        self.take_changed();
    }

    /// Counts entries that were put back into the roster; before its root is made, others may have more.
    pub(super) fn refilled(&mut self, entries: u64, now_ms: u64) {
        self.missing = self.missing.saturating_sub(entries);
        if !self.draw.is_frozen() {
            self.mending_until_ms = self.mending_until_ms.max(now_ms + MENDING_MS);
        }
    }

    /// The roster is again what its root was made of; answers whether there is a root.
    pub(super) fn roster_put_back(&mut self) -> bool {
        let (frozen, _) = self.draw.public();
        self.missing = frozen.map_or(self.missing, |frozen| frozen.missing);
        frozen.is_some()
    }

    /// Whether others may still know more.
    pub(super) fn is_mending(&self, now_ms: u64) -> bool {
        now_ms < self.mending_until_ms
    }

    /// Refuses while others may still know more.
    pub(super) fn check_whole(&self, now_ms: u64) -> Result<(), Refusal> {
        match self.is_mending(now_ms) {
            true => Err(Refusal::Mending { until_ms: self.mending_until_ms }),
            false => Ok(()),
        }
    }
}
