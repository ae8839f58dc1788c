//! The public list of claims against the draw: was every place taken by whom it belongs to, and no identity let in twice?

use std::collections::HashSet;

use fairgate_draw::v2::{CLAIM_BYTES, Claim, Record, Tag};
use fairgate_draw::{Hash, Verdict};

use super::super::lines::for_each_line;
use super::super::source::{Source, SourceError};
use super::admissions::Admissions;
use super::lists::Prints;
use super::places::TierPlaces;

/// What a draw gave to whom.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) record: &'a Record,
    pub(super) places: &'a TierPlaces,
    pub(super) prints: &'a Prints,
}

/// What a pass over a list of claims finds.
struct Reading<'a> {
    given: Given<'a>,
    digest: Hash,
    /// N over all tiers.
    entries: u64,
    /// One bit a drawn place.
    drawn_taken: Vec<u64>,
    late_taken: HashSet<u64>,
    late_tags: HashSet<Tag>,
    claims: u64,
    shown: u64,
    admissions: Admissions,
    /// The first claim that is wrong.
    wrong: Option<String>,
    /// The first identity that was let in twice.
    repeated: Option<String>,
}

/// Checks a list of claims, line by line, to its end: the claims, and their identities.
pub(super) fn check(source: &Source, given: Given<'_>, notes: &mut Vec<String>) -> Result<[Verdict; 2], SourceError> {
    let Some(list) = source.claims()? else {
        return Ok(["no list of claims is published"; 2].map(|why| Verdict::Open(why.to_owned())));
    };
    let mut reading = Reading::new(given);
    let stray_bytes = for_each_line::<CLAIM_BYTES>(list, |line| reading.take(&Claim::from_bytes(line)))?;
    if stray_bytes > 0 {
        reading.wrong.get_or_insert(format!("the list ends in {stray_bytes} bytes that are no claim"));
    }
    // A tag of the pool stands once, so only who came late can be let in with one that was let in already.
    if !reading.late_tags.is_empty()
        && let Some(list) = source.claims()?
    {
        for_each_line::<CLAIM_BYTES>(list, |line| reading.compare_to_late(&Claim::from_bytes(line)))?;
    }
    if reading.claims > 0 {
        notes.push(format!("{} of {} claims showed what only the fan's browser knew", reading.shown, reading.claims));
        notes.push(reading.admissions.to_string());
    }
    Ok([reading.claims_verdict(), reading.identities_verdict()])
}

impl<'a> Reading<'a> {
    fn new(given: Given<'a>) -> Self {
        let entries: usize = given.places.iter().map(Vec::len).sum();
        Self {
            digest: given.record.descriptor.digest(),
            entries: entries as u64,
            drawn_taken: vec![0; entries.div_ceil(64)],
            given,
            late_taken: HashSet::new(),
            late_tags: HashSet::new(),
            claims: 0,
            shown: 0,
            admissions: Admissions::default(),
            wrong: None,
            repeated: None,
        }
    }

    fn take(&mut self, claim: &Claim) {
        self.claims += 1;
        self.shown += u64::from(claim.u.is_some());
        self.admissions.take(claim.place, claim.admitted_at_ms);
        let wrong = self.wrong_with(claim);
        if let (None, Some(wrong)) = (&self.wrong, wrong) {
            self.wrong = Some(wrong);
        }
        let is_late = claim.entry.is_none() && claim.has_identity();
        if is_late && !self.late_tags.insert(claim.tag) {
            self.repeat(claim);
        }
    }

    fn compare_to_late(&mut self, claim: &Claim) {
        if claim.entry.is_some() && self.late_tags.contains(&claim.tag) {
            self.repeat(claim);
        }
    }

    fn repeat(&mut self, claim: &Claim) {
        let tag = hex::encode(claim.tag);
        let place = claim.place;
        self.repeated
            .get_or_insert_with(|| format!("the identity {tag} was let in twice, one of the places being {place}"));
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
        let has_identities = self.given.record.descriptor.has_identities();
        if claim.has_identity() != has_identities {
            let shown =
                if has_identities { "without an identity" } else { "with an identity that the draw does not ask for" };
            return Some(format!("place {place} was taken {shown}"));
        }
        match claim.entry {
            None if place < self.entries => Some(format!("place {place} was drawn, but taken without an entry")),
            None => None,
            Some(entry) => self.wrong_with_entry(claim, entry),
        }
    }

    fn wrong_with_entry(&self, claim: &Claim, entry: (u8, u64)) -> Option<String> {
        let (place, (tier, index)) = (claim.place, entry);
        let in_tier = self.given.places.get(usize::from(tier));
        let Some(own) = in_tier.and_then(|places| places.get(usize::try_from(index).ok()?)) else {
            return Some(format!("place {place} was given to entry {index} of tier {tier}, which is in no roster"));
        };
        if u64::from(*own) != place {
            return Some(format!("place {place} was given to entry {index} of tier {tier}, whose place is {own}"));
        }
        let prints = self.given.prints;
        if prints.is_empty_at(entry) {
            return Some(format!("place {place} was taken with entry {index} of tier {tier}, which is empty"));
        }
        if !prints.has_tag(entry, &claim.tag) {
            let tag = hex::encode(claim.tag);
            return Some(format!(
                "place {place} was taken by the identity {tag}, which is not that of entry {index} of tier {tier}"
            ));
        }
        let is_own = claim.shown_entry(&self.digest).is_none_or(|shown| prints.has_entry(entry, &shown));
        (!is_own)
            .then(|| format!("place {place} was taken with something that entry {index} of tier {tier} is not made of"))
    }

    fn is_first_of(&mut self, place: u64) -> bool {
        let word = usize::try_from(place / 64).ok().filter(|_| place < self.entries);
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
                "{} places were taken, each once and with the entry that it belongs to, {} of them by showing what the entry \
                 is made of; {} more came after the draw",
                self.claims - self.late_taken.len() as u64,
                self.shown,
                self.late_taken.len()
            )),
        }
    }

    fn identities_verdict(&self) -> Verdict {
        match &self.repeated {
            Some(repeated) => Verdict::Fails(repeated.clone()),
            None => Verdict::Holds("none was let in twice".into()),
        }
    }
}
