//! Millions of fans' next steps, in the order of time.

/// Ticks of 10 ms: the time in which an edge gathers a batch.
pub(crate) const TICK_MS: u64 = 10;

/// How far ahead a step may lie: eleven minutes.
const TICKS: usize = 1 << 16;

/// What somebody does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Opens the page.
    Arrive,
    /// Asks for the status.
    Poll,
    /// Asks for a position.
    Join,
    /// Asks to be let in.
    Claim,
    /// Has bought, or given up, and is out again.
    Leave,
}

const STEPS: [Step; 5] = [Step::Arrive, Step::Poll, Step::Join, Step::Claim, Step::Leave];

/// A ring of ticks. A step in the past is due at the next tick; one beyond the ring's end is due at its end.
pub(crate) struct Calendar {
    ring: Vec<Vec<u32>>,
    tick: u64,
}

impl Calendar {
    pub(crate) fn starting_at(now_ms: u64) -> Self {
        Self { ring: vec![Vec::new(); TICKS], tick: now_ms / TICK_MS }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.tick * TICK_MS
    }

    pub(crate) fn put(&mut self, at_ms: u64, fan: u32, step: Step) {
        let ahead = (at_ms / TICK_MS).saturating_sub(self.tick).clamp(1, TICKS as u64 - 1);
        let slot = (self.tick + ahead) as usize % TICKS;
        self.ring[slot].push(fan | (step as u32) << 24);
    }

    /// Goes on to the next tick, and takes what is due.
    pub(crate) fn advance(&mut self) -> Vec<(u32, Step)> {
        self.tick += 1;
        let due = std::mem::take(&mut self.ring[self.tick as usize % TICKS]);
        due.into_iter().map(|event| (event & 0xff_ffff, STEPS[(event >> 24) as usize])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_when_they_are_due() {
        let mut calendar = Calendar::starting_at(1_000_000);
        calendar.put(1_000_050, 7, Step::Claim);
        calendar.put(0, 0xff_ffff, Step::Leave);
        assert_eq!(calendar.advance(), [(0xff_ffff, Step::Leave)]);
        for _ in 0..3 {
            assert_eq!(calendar.advance(), []);
        }
        assert_eq!(calendar.advance(), [(7, Step::Claim)]);
        assert_eq!(calendar.now_ms(), 1_000_050);
    }
}
