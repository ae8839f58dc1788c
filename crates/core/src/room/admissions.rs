//! Who was let in by which command: the lines of the public list of claims, each once.

use std::collections::HashSet;

use fairgate_draw::{CLAIM_BYTES, Claim, Opening, ZERO, v2};

use super::{ClaimOutcome, Claimant, Command, Outcome, TierClaimant};

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
        let (Command::Claim(claimants), Outcome::Claimed(outcomes)) = (command.plain(), outcome) else {
            return Vec::new();
        };
        self.pass_time(now_ms);
        let mut asked: Vec<_> = claimants.iter().zip(outcomes).collect();
        asked.sort_by_key(|(claimant, _)| claimant.place);
        let line = |(claimant, outcome): (&Claimant, &ClaimOutcome)| {
            self.admitted(claimant.place, outcome).map(|admitted_at_ms| claimant.line(admitted_at_ms))
        };
        asked.into_iter().filter_map(line).collect()
    }

    /// The same as bytes, of a room with tiers or without: every line has the length that is answered first.
    pub fn lines_of(&mut self, command: &Command, outcome: &Outcome, now_ms: u64) -> (usize, Vec<u8>) {
        let (Command::ClaimTiers(claimants), Outcome::Claimed(outcomes)) = (command.plain(), outcome) else {
            let claims = self.of(command, outcome, now_ms);
            return (CLAIM_BYTES, claims.iter().flat_map(Claim::to_bytes).collect());
        };
        self.pass_time(now_ms);
        let mut asked: Vec<_> = claimants.iter().zip(outcomes).collect();
        asked.sort_by_key(|(claimant, _)| claimant.place);
        let line = |(claimant, outcome): (&TierClaimant, &ClaimOutcome)| {
            self.admitted(claimant.place, outcome).map(|admitted_at_ms| claimant.line(admitted_at_ms))
        };
        (v2::CLAIM_BYTES, asked.into_iter().filter_map(line).flat_map(|claim| claim.to_bytes()).collect())
    }

    fn pass_time(&mut self, now_ms: u64) {
        if now_ms > self.at_ms {
            (self.at_ms, self.places) = (now_ms, HashSet::new());
        }
    }

    /// When a place was let in, if that was by this command. A place is let in at one time only, so whoever was let in before
    /// now has a line already.
    fn admitted(&mut self, place: u64, outcome: &ClaimOutcome) -> Option<u64> {
        let ClaimOutcome::Admitted { admitted_at_ms, .. } = *outcome else { return None };
        (admitted_at_ms == self.at_ms && self.places.insert(place)).then_some(admitted_at_ms)
    }
}

impl TierClaimant {
    /// What the list of claims says of this fan once let in.
    #[must_use]
    pub fn line(&self, admitted_at_ms: u64) -> v2::Claim {
        let Self { place, entry, u, tag } = *self;
        v2::Claim { place, entry, admitted_at_ms, u, tag }
    }
}

impl Claimant {
    /// What the list of claims says of this fan once let in.
    #[must_use]
    pub fn line(&self, admitted_at_ms: u64) -> Claim {
        // A room without tiers asks for no identity, so the tag is zero.
        let opening = self.nonce.map(|nonce| Opening { nonce, tag: ZERO });
        Claim { place: self.place, index: self.index, admitted_at_ms, opening }
    }
}
