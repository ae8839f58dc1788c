//! What time alone decides of a sale, before a command is looked at; `lua/room/time.lua`.

use super::sale::{Sale, replace};
use super::{RECOVERY_STEP_MS, SILENCE_MS};

impl Sale {
    /// Brings everything up to date that time alone decides. `was_heard`: commands were heard all that time; otherwise it
    /// is one step.
    pub(super) fn pass_time(&mut self, elapsed_ms: u64, now_ms: u64, was_heard: bool) {
        let mut open_ms = self.open_ms(elapsed_ms, now_ms);
        if !was_heard {
            self.step(elapsed_ms, now_ms);
            if elapsed_ms > SILENCE_MS {
                // Nobody could come in, so it is nobody's grace.
                self.changed |= open_ms > 0;
                open_ms = 0;
            }
        }
        self.settle_gaps(now_ms);
        self.arrivals.pass_time(now_ms);
        self.changed |= self.leases.expire(now_ms);
        let gained = self.pace.units(&self.schedule.policy, now_ms - elapsed_ms, now_ms);
        self.line.pass_time(&self.schedule.policy, gained, open_ms);
        self.changed |= self.line.expire(&self.schedule.policy);
        self.enter_phase(now_ms);
        if self.is_open() && !self.draining && !self.is_recovering(now_ms) {
            let rate_per_minute = self.pace.per_minute(&self.schedule.policy, now_ms);
            let (line_size, seats) = (self.line_size(), self.seats(now_ms));
            self.changed |= self.line.call(&self.schedule.policy, line_size, seats, rate_per_minute);
        }
    }

    /// Lets no more of a step count for the recovery than it takes the others to look.
    fn step(&mut self, elapsed_ms: u64, now_ms: u64) {
        let too_much_ms = elapsed_ms.saturating_sub(RECOVERY_STEP_MS);
        if too_much_ms > 0 && self.is_recovering(now_ms - elapsed_ms) {
            self.recovering_until_ms += too_much_ms;
            self.changed = true;
        }
    }

    /// How much of the time that has just passed people could have been let in.
    fn open_ms(&self, elapsed_ms: u64, now_ms: u64) -> u64 {
        if !self.is_open() {
            return 0;
        }
        let before_ms = now_ms - elapsed_ms;
        self.schedule.ends_at_ms.map_or(now_ms, |ends_at_ms| ends_at_ms.min(now_ms)).saturating_sub(before_ms)
    }

    /// True if the pool is open, and is closed by this time.
    pub(super) fn closes_by(&self, now_ms: u64) -> bool {
        !self.pool_is_closed && now_ms >= self.schedule.starts_at_ms
    }

    /// The phase by this time; a pool that closes with it gets the numbers that it is owed first.
    pub(super) fn enter_phase(&mut self, now_ms: u64) {
        if self.closes_by(now_ms) {
            self.leave_owed_gap(now_ms);
        }
        self.changed |= replace(&mut self.pool_is_closed, now_ms >= self.schedule.starts_at_ms);
        let phase = self.schedule.phase(now_ms, self.draw.is_done());
        self.changed |= replace(&mut self.phase, phase);
    }
}
