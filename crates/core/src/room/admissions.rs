//! Who was let in by which command: the lines of the public list of claims, each once.

use std::collections::HashSet;

use fairgate_draw::{Claim, Opening, ZERO};

use super::{ClaimOutcome, Claimant, Command, Outcome};

/// Tells an admission from the answer that is given again when its reply was lost.
#[derive(Clone, Debug, Default)]
pub struct Admissions {
    at_ms: u64,
    /// Let in at that very millisecond.
    places: HashSet<u64>,
}

impl Admissions {
    /// Whom a command let in that was applied at this time, lower places first, as the room did.
    pub fn of(&mut self, command: &Command, outcome: &Outcome, now_ms: u64) -> Vec<Claim> {
        let (Command::Claim(claimants), Outcome::Claimed(outcomes)) = (command, outcome) else { return Vec::new() };
        if now_ms > self.at_ms {
            (self.at_ms, self.places) = (now_ms, HashSet::new());
        }
        let mut asked: Vec<_> = claimants.iter().zip(outcomes).collect();
        asked.sort_by_key(|(claimant, _)| claimant.place);
        asked.into_iter().filter_map(|(claimant, outcome)| self.admitted(claimant, outcome)).collect()
    }

    /// A place is let in at one time only, so whoever was let in before now has a line already.
    fn admitted(&mut self, claimant: &Claimant, outcome: &ClaimOutcome) -> Option<Claim> {
        let ClaimOutcome::Admitted { admitted_at_ms, .. } = *outcome else { return None };
        let is_new = admitted_at_ms == self.at_ms && self.places.insert(claimant.place);
        is_new.then(|| claimant.line(admitted_at_ms))
    }
}

impl Claimant {
    /// What the list of claims says of this fan once let in.
    #[must_use]
    pub fn line(&self, admitted_at_ms: u64) -> Claim {
        // No room asks for an identity, so the tag is zero.
        let opening = self.nonce.map(|nonce| Opening { nonce, tag: ZERO });
        Claim { place: self.place, index: self.index, admitted_at_ms, opening }
    }
}
