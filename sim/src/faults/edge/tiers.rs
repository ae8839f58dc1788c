//! What an edge does otherwise in a room with tiers: fans show who they are, and a freeze is of all tiers at once.

use fairgate::edge::{Verdict, is_one_roster, tier_copies_due};
use fairgate_core::room::{
    Arrival, Arrived, Command, Entry, Holder, KeyName, Position, Spot, TierRoots, View, root_of_all,
};
use fairgate_draw::v2::{FrozenTier, Nonce, TierHasher, entry};
use fairgate_token::{OfTier, Terms, Ticket};

use super::super::messages::{AnsweredEntry, Request, Response, TierList};
use super::super::one_entry::spot;
use super::super::people::Person;
use super::beat::Beat;
use super::fans::{Answer, Kind, Open, Subject};
use super::task::Asker;
use super::{Process, Shown};

/// A fan who comes with this identity, as an edge puts it to the store.
pub(super) fn arrival(draw: &[u8; 32], nonce: [u8; 16], person: Person) -> Arrival {
    let Person { tier, tag } = person;
    Arrival::plain(tier, entry(draw, tier, Nonce(nonce), &tag), tag)
}

/// What is written down of fans who came: an entry that is new, or that this very fan has already.
pub(super) fn answered(arrivals: &[Arrival], arrived: &[Arrived]) -> Vec<AnsweredEntry> {
    let of = |(arrival, arrived): (&Arrival, &Arrived)| {
        let (entry, tag) = *arrival.entries.first()?;
        let is_own = match arrived {
            Arrived::New { .. } => true,
            Arrived::Again { entry: there, .. } => there.is_none_or(|there| there == entry),
            Arrived::Used | Arrived::Late => false,
        };
        Some(AnsweredEntry { at: arrived.at().filter(|_| is_own)?, entry, tag })
    };
    arrivals.iter().zip(arrived).filter_map(of).collect()
}

/// What is published of the tiers with these lists.
fn roots_of(lists: &[TierList]) -> Vec<FrozenTier> {
    let of = |list: &TierList| {
        let mut hasher = TierHasher::new(true);
        list.entries.iter().zip(&list.tags).for_each(|(entry, tag)| hasher.push(entry, tag));
        hasher.finish()
    };
    lists.iter().map(of).collect()
}

impl Process {
    /// A claim with a ticket of a tier.
    pub(super) fn claim_in_tier(
        &mut self,
        fan: usize,
        ask: u64,
        (ticket, key): (Ticket, Option<KeyName>),
        shown: &Shown,
    ) {
        match shown.standing.claim_in_tier(&ticket, None) {
            Verdict::Ask(claimant) => {
                let holder = spot(&ticket).zip(key).map(|(at, key)| Holder { at, key });
                self.gather(Kind::Claims, Open { fan, ask, subject: Subject::ClaimTier(ticket, claimant, holder) });
            }
            Verdict::NotCalled { .. } => {
                self.answer(fan, ask, Answer::Wait { is_called: false, retry_after_ms: 2_000 });
            }
            Verdict::OtherDraw => self.answer(fan, ask, Answer::Lost(409)),
        }
    }

    /// What became of a fan who came.
    pub(super) fn arrived(&self, draw: [u8; 32], arrival: &Arrival, arrived: &Arrived) -> Answer {
        let (Some(at), Some((own, tag))) = (arrived.at(), arrival.entries.first()) else { return Answer::Fail(503) };
        let entry: Entry = match arrived {
            Arrived::Again { entry: Some(entry), .. } => *entry,
            _ => *own,
        };
        let (tier, position) = match at {
            Spot::Pool { tier, index } => (tier, Position::Pool(index)),
            Spot::Line { place } => (arrival.tier, Position::Line(place)),
        };
        let (room, issued_at_ms, of_tier) = (self.plan.room.clone(), self.clock_ms(), Some(OfTier { tier, tag: *tag }));
        Answer::Joined(Ticket { room, draw, position, entry, issued_at_ms, of_tier, terms: Terms::default() })
    }

    /// Rosters and tags were read to be frozen.
    pub(super) fn lists_read(&mut self, before: Box<View>, lists: Vec<TierList>) {
        let is_whole = before.tiers.len() == lists.len()
            && before.tiers.iter().zip(&lists).all(|(tier, list)| tier.entries == list.entries.len() as u64);
        if !is_whole {
            return self.beat_failed();
        }
        self.ask(None, Asker::Beat(Beat::AfterLists { lists, before }));
    }

    /// How the room stands after rosters and tags were read: their roots are published if they are of one state.
    pub(super) fn freeze_lists(&mut self, lists: Vec<TierList>, before: &View, after: &View) {
        if !is_one_roster(before, after) {
            return self.beat_failed();
        }
        let frozen = roots_of(&lists);
        let roots = |tier: &FrozenTier| TierRoots { entries: tier.entries, root: tier.root, tags_root: tier.tags_root };
        let command = Command::FreezeTiers(frozen.iter().map(roots).collect());
        self.say(format_args!("freezes {} tiers, {} entries missing", lists.len(), after.missing));
        self.keep_lists(root_of_all(&frozen), lists);
        self.ask(Some(command), Asker::Beat(Beat::Stepping));
    }

    /// Sees to it that there are copies of the frozen rosters and tags.
    pub(super) fn copy_lists(&mut self) {
        let due = self.shown.as_ref().and_then(|shown| tier_copies_due(&shown.standing.view).map(root_of_all));
        if let Some(root) = due.filter(|root| self.disk.lists(root).is_none()) {
            self.read_lists(Beat::CopyingLists { root });
        }
    }

    /// Rosters and tags were read to be copied.
    pub(super) fn lists_to_copy(&mut self, root: [u8; 32], lists: Vec<TierList>) {
        if root_of_all(&roots_of(&lists)) == root {
            self.say("copies the frozen rosters of all tiers");
            self.keep_lists(root, lists);
        }
    }

    /// All that this edge can put back once the roots are public, if it has copies.
    pub(super) fn put_back_lists(&mut self) -> Option<Request> {
        let root = self.task.root()?;
        let lists = self.disk.lists(&root)?.to_vec();
        let late = self.disk.answered().iter().filter(|answered| matches!(answered.at, Spot::Line { .. }));
        let late = late.copied().collect();
        self.say("puts back the frozen rosters of all tiers");
        Some(Request::PutBackTiers { root, lists, late })
    }

    /// What a reading of all tiers came to.
    pub(super) fn tiers_were_read(&mut self, then: Beat, response: Option<Response>) {
        match (then, response) {
            (Beat::ReadingLists { before }, Some(Response::TierLists(lists))) => self.lists_read(before, lists),
            (Beat::CopyingLists { root }, Some(Response::TierLists(lists))) => self.lists_to_copy(root, lists),
            // It is tried again.
            (Beat::CopyingLists { .. }, _) => {}
            _ => self.beat_failed(),
        }
    }

    fn keep_lists(&mut self, root: [u8; 32], lists: Vec<TierList>) {
        if self.sabotage != Some(super::super::sabotage::Sabotage::NoCopy) {
            self.disk.keep_lists(root, lists);
        }
    }
}
