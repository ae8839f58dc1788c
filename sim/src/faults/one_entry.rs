//! What has to hold in a room that asks for an identity: one identity has one entry in the whole room, also on a second device,
//! and rosters and tags of all tiers have what was answered.

use std::collections::{BTreeMap, HashMap, HashSet};

use fairgate_core::room::{Entry, Position, Spot, View};
use fairgate_draw::ZERO;
use fairgate_draw::v2::{FrozenTier, NO_TAG, Tag, TierHasher};
use fairgate_token::Ticket;

use super::messages::TierList;
use super::promises::Promise;

/// A promise that was broken, and how.
pub(crate) type Complaint = (Promise, String);

/// An entry as a fan was answered it.
#[derive(Clone, Copy, Debug)]
struct Answered {
    entry: Entry,
    tag: Tag,
    edge: usize,
    at_ms: u64,
}

/// Everything that has to be remembered to see that a promise is broken.
#[derive(Debug, Default)]
pub(crate) struct OneEntry {
    /// Whose a position is.
    owners: HashMap<Spot, usize>,
    /// Entries of the pools, by tier and index.
    answered: BTreeMap<(u8, u64), Answered>,
    /// Which edge answered a fan first, and when.
    first: HashMap<usize, (usize, u64)>,
}

impl OneEntry {
    /// A fan was answered a position.
    pub(crate) fn joined(&mut self, fan: usize, edge: usize, ticket: &Ticket, at_ms: u64) -> Option<Complaint> {
        let spot = spot(ticket)?;
        self.first.entry(fan).or_insert((edge, at_ms));
        if let (Spot::Pool { tier, index }, Some(of_tier)) = (spot, ticket.of_tier) {
            self.answered.insert((tier, index), Answered { entry: ticket.entry, tag: of_tier.tag, edge, at_ms });
        }
        let owner = *self.owners.entry(spot).or_insert(fan);
        (owner != fan).then(|| (Promise::OneOwner, format!("{spot:?} is fan {owner}'s and was given to fan {fan}")))
    }

    /// A fan has come again on a second device. `is_well`: nothing has been wrong with an edge since a time, so that it could put
    /// back what it had answered.
    pub(crate) fn came_again(
        &self,
        fan: usize,
        (first, again): (&Ticket, &Ticket),
        is_well: impl Fn(usize, u64) -> bool,
    ) -> Option<Complaint> {
        let (one, other) = (spot(first)?, spot(again)?);
        let (edge, at_ms) = *self.first.get(&fan)?;
        let what = format!("fan {fan} has {one:?} from edge {edge}, and {other:?} on a second device");
        (one != other && is_well(edge, at_ms)).then_some((Promise::OneEntry, what))
    }

    /// The roots are public. Rosters and tags that they were made of have everything that was answered, but for holes. The record
    /// admits the holes, and `excuses` says that they were an edge's that could not put them back.
    pub(crate) fn frozen(
        &self,
        view: &View,
        lists: &[TierList],
        excuses: impl Fn(usize, u64) -> bool,
    ) -> Vec<Complaint> {
        let mut complaints = published(view.draw.tiers.as_deref().unwrap_or_default(), lists);
        let tags: HashSet<&Tag> = lists.iter().flat_map(|list| &list.tags).collect();
        // Of two entries of one identity the newer one is empty.
        let has_older = |tag: &Tag| tags.contains(tag);
        let is_kept = |(tier, index): (u8, u64), answered: &Answered| {
            let there = entry_at(lists, tier, index);
            let is_excused = || has_older(&answered.tag) || excuses(answered.edge, answered.at_ms);
            there == answered.entry || (there == ZERO && is_excused())
        };
        let gone = self.answered.iter().find(|(at, answered)| !is_kept(**at, answered));
        complaints.extend(gone.map(|((tier, index), answered)| {
            let edge = answered.edge;
            let what = format!("entry {index} of tier {tier}, which edge {edge} answered, is not there at the freeze");
            (Promise::RosterKept, what)
        }));
        complaints
    }

    /// The end of it: rosters and tags are what was published, whatever was lost since.
    pub(crate) fn finished(view: &View, lists: &[TierList]) -> Vec<Complaint> {
        view.draw.tiers.as_deref().map_or_else(Vec::new, |frozen| published(frozen, lists))
    }
}

/// Holds rosters and tags against what is public of them.
fn published(frozen: &[FrozenTier], lists: &[TierList]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut seen = HashSet::new();
    for (tier, (frozen, list)) in frozen.iter().zip(lists).enumerate() {
        if frozen_of(list) != *frozen {
            let what = format!("tier {tier} is {:?} by its lists, and {frozen:?} was published", frozen_of(list));
            complaints.push((Promise::RosterKept, what));
        }
        let pairs = || list.entries.iter().zip(&list.tags);
        if let Some(index) = pairs().position(|(entry, tag)| (*entry == ZERO) != (*tag == NO_TAG)) {
            let what = format!("entry {index} of tier {tier} and its tag are not both there");
            complaints.push((Promise::OneEntry, what));
        }
        if let Some(tag) = list.tags.iter().find(|tag| **tag != NO_TAG && !seen.insert(**tag)) {
            complaints.push((Promise::OneEntry, format!("the tag {} stands twice", hex::encode(tag))));
        }
    }
    complaints
}

/// What is published of a tier with these lists.
fn frozen_of(list: &TierList) -> FrozenTier {
    let mut hasher = TierHasher::new(true);
    list.entries.iter().zip(&list.tags).for_each(|(entry, tag)| hasher.push(entry, tag));
    hasher.finish()
}

fn entry_at(lists: &[TierList], tier: u8, index: u64) -> Entry {
    let list = lists.get(usize::from(tier));
    let entry = list.and_then(|list| list.entries.get(usize::try_from(index).ok()?));
    entry.copied().unwrap_or(ZERO)
}

/// Where a ticket of a room with tiers stands.
pub(crate) fn spot(ticket: &Ticket) -> Option<Spot> {
    let tier = ticket.of_tier?.tier;
    Some(match ticket.position {
        Position::Pool(index) => Spot::Pool { tier, index },
        Position::Line(place) => Spot::Line { place },
    })
}
