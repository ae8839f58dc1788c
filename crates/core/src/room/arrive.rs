//! Arrivals in a room with tiers: one identity has one entry in the whole room.
//!
//! Guarantees: a tag has one position, whoever comes with it, at whatever time and in whatever batch. It gets another one
//! only where the first was given up or has lapsed, and nobody can claim the first any more then. In a room that asks for no
//! identity, an entry that comes again within a minute gets its position again, and work that is older than what is
//! remembered is refused.

use std::collections::{BTreeMap, HashMap, VecDeque};

use fairgate_draw::v2::{NO_TAG, Tag};

use super::arrival::{Arrival, Arrived, CodeUse, Replaced, Spot};
use super::identities::{Identities, LINE, spot};
use super::recent::MINUTE_MS;
use super::sale::Sale;
use super::tally::Tally;
use super::{Entry, Late, Phase, Refusal};

/// What a room with tiers knows of those who came.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tiered {
    /// Entries of each tier's pool.
    pub(super) early: Tally,
    /// None where no identity is asked for.
    pub(super) identities: Option<Identities>,
    recent: RecentSpots,
    /// Work counts for nothing that was good until this time (Unix seconds) or before: it may have made an entry that is
    /// not remembered.
    forgotten_until_s: u64,
    /// Uses of codes by campaign and rank.
    codes: BTreeMap<String, BTreeMap<u32, u8>>,
}

impl Tiered {
    /// Nobody has come.
    pub(super) fn new(tiers: usize, asks_identity: bool) -> Self {
        Self {
            early: Tally::zeros(tiers),
            identities: asks_identity.then(|| Identities::new(tiers)),
            recent: RecentSpots::default(),
            forgotten_until_s: 0,
            codes: BTreeMap::new(),
        }
    }

    /// Lets time pass.
    pub(super) fn pass_time(&mut self, now_ms: u64) {
        self.recent.forget(now_ms);
    }

    /// Goes on with these numbers after a loss: who came just now is not known any more.
    pub(super) fn restore(&mut self, early: Tally, late: u64, now_ms: u64) {
        self.early = early;
        self.recent = RecentSpots::default();
        self.forgotten_until_s = (now_ms / MINUTE_MS + 2) * (MINUTE_MS / 1_000);
        if let Some(identities) = &mut self.identities {
            identities.fit(&early, late);
        }
    }
}

impl Sale {
    /// Takes fans in order of arrival, in a room with tiers.
    pub(super) fn arrive(&mut self, arrivals: &[Arrival], now_ms: u64) -> Result<Vec<Arrived>, Refusal> {
        let Some(tiered) = &self.arrivals.tiered else { return Err(Refusal::no_tiers()) };
        self.check_is_open()?;
        let tiers = tiered.early.tiers();
        let asks_identity = tiered.identities.is_some();
        arrivals.iter().try_for_each(|arrival| arrival.check_fits(tiers, asks_identity))?;
        let before = self.arrivals.count();
        let is_early = self.phase == Phase::Pooling;
        let arrived = arrivals.iter().map(|arrival| self.arrive_one(arrival, is_early, now_ms)).collect();
        self.changed |= self.arrivals.count() > before;
        Ok(arrived)
    }

    fn arrive_one(&mut self, arrival: &Arrival, is_early: bool, now_ms: u64) -> Arrived {
        let Some(tiered) = self.arrivals.tiered.as_deref_mut() else { return Arrived::Late };
        let is_late = arrival.until_s.is_some_and(|until_s| now_ms / 1_000 >= u64::from(until_s));
        let which = match &tiered.identities {
            Some(identities) => match identities.which(arrival) {
                Which::Known { at, by } => return self.known(at, by, arrival),
                Which::Free(which) => which,
                Which::Used => return Arrived::Used,
            },
            None if is_late || tiered.is_forgotten(arrival) => return Arrived::Late,
            None => match tiered.recent.find(&arrival.entries[0].0) {
                Some(at) => return Arrived::Again { at, by: 0, entry: None },
                None => 0,
            },
        };
        if is_late {
            return Arrived::Late;
        }
        if arrival.code.as_ref().is_some_and(|code| !tiered.use_code(code)) {
            return Arrived::Used;
        }
        self.arrivals.append(arrival, which, is_early, now_ms)
    }

    /// An identity that has a position: that one, unless its place was lost and is to be replaced.
    fn known(&mut self, at: (u8, u64), by: u8, arrival: &Arrival) -> Arrived {
        let at = spot(at, self.arrivals.early);
        let is_own = usize::from(by) < arrival.entries.len();
        let lost = arrival.replaces.filter(|lost| is_own && lost.at == at && self.is_lost(lost));
        let Some(lost) = lost else { return Arrived::Again { at, by, entry: None } };
        self.line.take_away(lost.place);
        self.arrivals.append(arrival, by, false, 0)
    }

    /// Whether a place was given up or has lapsed, and was claimed by nobody.
    fn is_lost(&self, lost: &Replaced) -> bool {
        let is_its_place = match lost.at {
            Spot::Line { place } => place == lost.place,
            Spot::Pool { .. } => lost.place < self.arrivals.early && self.draw.is_done(),
        };
        // Where late comers are honoured, who has lapsed can still claim.
        let may_lapse = self.schedule.policy.late != Late::Honour;
        is_its_place && lost.place < self.line_size() && self.line.is_lost(lost.place, may_lapse)
    }
}

/// What becomes of an arrival's tags.
enum Which {
    /// The identity has a position: tier, or [`LINE`], and number; and by which of the arrival's tags.
    Known { at: (u8, u64), by: u8 },
    /// The entry of this number is new.
    Free(u8),
    /// All are taken by others.
    Used,
}

impl Identities {
    fn which(&self, arrival: &Arrival) -> Which {
        let found: Vec<_> = arrival.entries.iter().map(|(_, tag)| self.find(tag)).collect();
        let own = match (arrival.entries.as_slice(), found.as_slice()) {
            ([_], [at]) if !arrival.several => at.map(|at| (at, 0)),
            (entries, found) => {
                let own = |at: &Option<(u8, u64)>, entry: &Entry| at.filter(|at| self.is_entry(*at, entry));
                (0..).zip(entries).zip(found).find_map(|((which, (entry, _)), at)| Some((own(at, entry)?, which)))
            }
        };
        let beyond = u8::try_from(found.len()).unwrap_or(u8::MAX);
        let mut others = (beyond..).zip(&arrival.others);
        if let Some((at, by)) = own.or_else(|| others.find_map(|(by, tag)| Some((self.find(tag)?, by)))) {
            return Which::Known { at, by };
        }
        (0..).zip(&found).find_map(|(free, at)| at.is_none().then_some(free)).map_or(Which::Used, Which::Free)
    }
}

impl Arrival {
    /// Refuses an arrival that does not fit the room.
    fn check_fits(&self, tiers: usize, asks_identity: bool) -> Result<(), Refusal> {
        let is_tagged = |tag: &Tag| (*tag != NO_TAG) == asks_identity;
        let is_right = self.entries.iter().all(|(_, tag)| is_tagged(tag)) && self.others.iter().all(is_tagged);
        let has_one = asks_identity || (!self.several && self.others.is_empty() && self.replaces.is_none());
        match usize::from(self.tier) < tiers {
            false => Err(Refusal::no_such_tier(self.tier.into())),
            true if is_right && has_one => Ok(()),
            true => Err(Refusal::wrong_tags()),
        }
    }
}

impl Tiered {
    /// Whether work may have made an entry that is not remembered.
    fn is_forgotten(&self, arrival: &Arrival) -> bool {
        arrival.until_s.is_some_and(|until_s| u64::from(until_s) <= self.forgotten_until_s)
    }

    /// Takes one use of a code; answers whether there was one.
    fn use_code(&mut self, code: &CodeUse) -> bool {
        let taken = self.codes.entry(code.campaign.clone()).or_default().entry(code.rank).or_default();
        let has_use = *taken < code.uses;
        *taken += u8::from(has_use);
        has_use
    }

    /// Appends an entry to a tier; answers its index.
    fn append_early(&mut self, arrival: &Arrival, which: u8) -> u64 {
        self.note_tag(arrival.tier, arrival, which);
        self.early.add(arrival.tier, 1)
    }

    /// Notes the tag of an entry that is new in a tier, or in the line.
    fn note_tag(&mut self, tier: u8, arrival: &Arrival, which: u8) {
        let (entry, tag) = &arrival.entries[usize::from(which)];
        let several = arrival.several.then_some(entry);
        if let Some(identities) = &mut self.identities {
            identities.push(tier, *tag, several);
        }
    }
}

impl super::enter::Arrivals {
    /// Appends an entry to its tier, or to the line.
    fn append(&mut self, arrival: &Arrival, which: u8, is_early: bool, now_ms: u64) -> Arrived {
        let Some(tiered) = self.tiered.as_deref_mut() else { return Arrived::Late };
        let at = if is_early {
            let index = tiered.append_early(arrival, which);
            self.early += 1;
            Spot::Pool { tier: arrival.tier, index }
        } else {
            let place = self.early + self.late;
            tiered.note_tag(LINE, arrival, which);
            self.late += 1;
            Spot::Line { place }
        };
        if tiered.identities.is_none() {
            tiered.recent.push(&arrival.entries[usize::from(which)].0, at, now_ms);
        }
        Arrived::New { at, which }
    }
}

/// Entries of the last minute in a room that asks for no identity, as `Recent` has them for rooms without tiers.
#[derive(Clone, Debug, Default, PartialEq)]
struct RecentSpots {
    /// A minute, and who came in it: 16 bytes of each entry.
    minutes: VecDeque<(u64, HashMap<Tag, Spot>)>,
}

impl RecentSpots {
    /// Forgets what came before the last minute began.
    fn forget(&mut self, now_ms: u64) {
        while self.minutes.pop_front_if(|(minute, _)| *minute + 1 < now_ms / MINUTE_MS).is_some() {}
    }

    fn find(&self, entry: &Entry) -> Option<Spot> {
        self.minutes.iter().find_map(|(_, came)| came.get(&digest(entry)).copied())
    }

    fn push(&mut self, entry: &Entry, at: Spot, now_ms: u64) {
        let minute = now_ms / MINUTE_MS;
        if self.minutes.back().is_none_or(|(last, _)| *last != minute) {
            self.minutes.push_back((minute, HashMap::new()));
        }
        if let Some((_, came)) = self.minutes.back_mut() {
            came.insert(digest(entry), at);
        }
    }
}

fn digest(entry: &Entry) -> Tag {
    *entry.first_chunk().expect("an entry has 32 bytes")
}
