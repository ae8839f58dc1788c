//! The public list of claims against the draw: was every place taken by whom it belongs to, and by nobody twice?

use std::collections::HashSet;
use std::io::Read;

use fairgate_draw::{CLAIM_BYTES, Claim, Finding, Hash, Opening, Record, Step, Verdict, ZERO};

use super::finding;
use super::lines::for_each_line;
use super::roster::Fingerprints;
use super::source::SourceError;

/// What a draw gave to whom.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    /// The draw.
    pub(super) record: &'a Record,
    /// The place of every entry.
    pub(super) places: &'a [u32],
    /// The roster's entries.
    pub(super) roster: &'a Fingerprints,
}

/// What a pass over a list of claims finds.
struct Reading<'a> {
    given: Given<'a>,
    digest: Hash,
    /// One bit a drawn place.
    drawn_taken: Vec<u64>,
    late_taken: HashSet<u64>,
    tags: HashSet<Hash>,
    claims: u64,
    opened: u64,
    /// The first claim that is wrong.
    wrong: Option<String>,
    /// The first identity that shows twice.
    repeated: Option<String>,
}

/// Checks a list of claims, line by line, to its end.
pub(super) fn check(claims: impl Read, given: Given<'_>) -> Result<[Finding; 2], SourceError> {
    let mut reading = Reading::new(given);
    let stray_bytes = for_each_line::<CLAIM_BYTES>(claims, |line| reading.take(&Claim::from_bytes(line)))?;
    if stray_bytes > 0 {
        reading.wrong.get_or_insert(format!("the list ends in {stray_bytes} bytes that are no claim"));
    }
    Ok([finding(Step::Claims, reading.claims_verdict()), finding(Step::Identities, reading.identities_verdict())])
}

/// Where there is no list.
pub(super) fn not_checked(why: &str) -> [Finding; 2] {
    [Step::Claims, Step::Identities].map(|step| finding(step, Verdict::Open(why.to_owned())))
}

impl<'a> Reading<'a> {
    fn new(given: Given<'a>) -> Self {
        Self {
            digest: given.record.descriptor.digest(),
            drawn_taken: vec![0; given.places.len().div_ceil(64)],
            given,
            late_taken: HashSet::new(),
            tags: HashSet::new(),
            claims: 0,
            opened: 0,
            wrong: None,
            repeated: None,
        }
    }

    fn take(&mut self, claim: &Claim) {
        self.claims += 1;
        self.opened += u64::from(claim.opening.is_some());
        let wrong = self.wrong_with(claim);
        if let (None, Some(wrong)) = (&self.wrong, wrong) {
            self.wrong = Some(wrong);
        }
        let tag = claim.opening.map_or(ZERO, |opening| opening.tag);
        if tag != ZERO && !self.tags.insert(tag) && self.repeated.is_none() {
            let tag = hex::encode(tag);
            self.repeated =
                Some(format!("the identity {tag} took more than one place, the last being {}", claim.place));
        }
    }

    /// What is wrong with a claim, in the words of a report.
    fn wrong_with(&mut self, claim: &Claim) -> Option<String> {
        let place = claim.place;
        if !self.is_first_of(place) {
            return Some(format!("place {place} was taken twice"));
        }
        if self.given.record.revealed_at_ms.is_some_and(|revealed_at_ms| claim.admitted_at_ms < revealed_at_ms) {
            return Some(format!("place {place} was taken before the draw was over"));
        }
        match claim.index {
            None if place < self.entries() => Some(format!("place {place} was drawn, but taken without an entry")),
            None => None,
            Some(index) => self.wrong_with_entry(place, index, claim.opening.as_ref()),
        }
    }

    fn wrong_with_entry(&self, place: u64, index: u64, opening: Option<&Opening>) -> Option<String> {
        let at = usize::try_from(index).ok();
        let Some(own) = at.and_then(|at| self.given.places.get(at)) else {
            return Some(format!("place {place} was given to entry {index}, which is not in the roster"));
        };
        if u64::from(*own) != place {
            return Some(format!("place {place} was given to entry {index}, whose place is {own}"));
        }
        let shown = opening.map(|opening| opening.entry(&self.digest));
        let is_own = shown.is_none_or(|shown| self.given.roster.has(index, &shown));
        (!is_own).then(|| format!("place {place} was taken with something that entry {index} is not made of"))
    }

    fn entries(&self) -> u64 {
        self.given.places.len() as u64
    }

    fn is_first_of(&mut self, place: u64) -> bool {
        let word = usize::try_from(place / 64).ok().filter(|_| place < self.entries());
        let Some(word) = word.and_then(|word| self.drawn_taken.get_mut(word)) else {
            return self.late_taken.insert(place);
        };
        let bit = 1 << (place % 64);
        let is_first = *word & bit == 0;
        *word |= bit;
        is_first
    }

    fn claims_verdict(&self) -> Verdict {
        match &self.wrong {
            Some(wrong) => Verdict::Fails(wrong.clone()),
            None => Verdict::Holds(format!(
                "{} places were taken, each once and with the entry that it belongs to, {} of them by showing what the \
                 entry is made of; {} more came after the draw",
                self.claims - self.late_taken.len() as u64,
                self.opened,
                self.late_taken.len()
            )),
        }
    }

    fn identities_verdict(&self) -> Verdict {
        match &self.repeated {
            Some(repeated) => Verdict::Fails(repeated.clone()),
            None if self.tags.is_empty() => {
                Verdict::Open("no entry that was shown has an identity: the room does not ask for one".into())
            }
            None => Verdict::Holds(format!("{} identities took one place each", self.tags.len())),
        }
    }
}
