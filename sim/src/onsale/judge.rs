//! The judge of the on-sale's promises: no fan is admitted twice, and the cap holds in every window.

use fairgate_crowd::Cap;

/// Who was let in, and when.
pub(super) struct Judge {
    cap: Cap,
    inside: Vec<bool>,
    admitted_at_ms: Vec<u64>,
    broken: Vec<String>,
}

impl Judge {
    pub(super) fn new(cap: Cap, fans: usize) -> Self {
        Self { cap, inside: vec![false; fans], admitted_at_ms: Vec::new(), broken: Vec::new() }
    }

    pub(super) fn admitted(&mut self, fan: u32, place: u64, at_ms: u64) {
        if std::mem::replace(&mut self.inside[fan as usize], true) {
            self.broken.push(format!("place {place} was let in twice"));
        }
        self.admitted_at_ms.push(at_ms);
    }

    /// What was broken.
    pub(super) fn verdict(mut self) -> Vec<String> {
        self.admitted_at_ms.sort_unstable();
        if let Some(breach) = self.cap.first_breach(&self.admitted_at_ms) {
            let window_ms = breach.to_ms - breach.from_ms;
            self.broken.push(format!("{} were let in within {window_ms} ms, which the cap forbids", breach.admitted));
        }
        self.broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(admissions: &[(u32, u64)]) -> Vec<String> {
        let mut judge = Judge::new(Cap { rate_per_minute: 60, burst: 2 }, 10);
        admissions.iter().for_each(|(fan, at_ms)| judge.admitted(*fan, u64::from(*fan), *at_ms));
        judge.verdict()
    }

    #[test]
    fn tells_what_was_broken() {
        assert_eq!(verdict(&[(1, 5_000), (0, 5_000), (2, 6_000)]), [""; 0]);
        assert_eq!(verdict(&[(1, 0), (1, 9_000)]), ["place 1 was let in twice"]);
        assert_eq!(verdict(&[(2, 900), (1, 0), (3, 500)]), ["3 were let in within 900 ms, which the cap forbids"]);
    }
}
