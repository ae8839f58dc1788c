//! Which identity stands where: the tags of a room in the order of their positions, and an index to find them by.
//!
//! Guarantee: a tag is found at one position only. About 24 bytes are kept for each fan: the tag, and a row of the index.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use fairgate_draw::v2::{NO_TAG, Tag};
use hashbrown::HashTable;

use super::Entry;
use super::arrival::Spot;
use super::tally::Tally;

/// A row of the index: the tier in the highest four bits, and the index in that tier's roster.
type Row = u32;

/// The bits of a row that have the index.
const INDEX_BITS: u32 = 28;
/// In a row: the line instead of a tier. So a room that asks for an identity has one tier less than others.
pub const LINE: u8 = 15;
/// The first index that no row can carry.
pub(super) const INDEX_END: u64 = 1 << INDEX_BITS;

/// The tags of one sale.
#[derive(Clone, Debug)]
pub(super) struct Identities {
    pool: Vec<Vec<Tag>>,
    /// By the line's number: the place, less the size of the pool.
    line: Vec<Tag>,
    rows: HashTable<Row>,
    hasher: RandomState,
    /// The first half of entries that were made with a code for several. Such a fan comes again with several tags, and is
    /// known by the entry.
    several: BTreeMap<Row, Tag>,
}

impl Identities {
    /// Nobody has come into so many tiers.
    pub(super) fn new(tiers: usize) -> Self {
        Self {
            pool: vec![Vec::new(); tiers],
            line: Vec::new(),
            rows: HashTable::new(),
            hasher: RandomState::new(),
            several: BTreeMap::new(),
        }
    }

    /// Where a tag stands: in a tier (or [`LINE`]), and at which number of it.
    pub(super) fn find(&self, tag: &Tag) -> Option<(u8, u64)> {
        let row = self.rows.find(self.hasher.hash_one(tag), |row| self.tag(*row) == *tag)?;
        Some(split(*row))
    }

    /// Appends a tag to a tier or to the line. A tag that stands elsewhere is found here from now on.
    pub(super) fn push(&mut self, tier: u8, tag: Tag, several: Option<&Entry>) {
        let list = if tier == LINE { &mut self.line } else { &mut self.pool[usize::from(tier)] };
        let index = list.len() as u64;
        list.push(tag);
        self.index(tier, index, &tag);
        if let Some(entry) = several {
            self.several.insert(row(tier, index), half(entry));
        }
    }

    /// Whether this entry stands at a position and was made with a code for several.
    pub(super) fn is_entry(&self, (tier, index): (u8, u64), entry: &Entry) -> bool {
        self.several.get(&row(tier, index)) == Some(&half(entry))
    }

    /// Lengthens or shortens the lists to as many tags as there are entries. New ones are empty.
    pub(super) fn fit(&mut self, early: &Tally, late: u64) {
        let is_shorter = self.pool.iter().zip(early.iter()).any(|(tags, entries)| (tags.len() as u64) > entries);
        let is_shorter = is_shorter || self.line.len() as u64 > late;
        for (tags, entries) in self.pool.iter_mut().zip(early.iter()) {
            tags.resize(length(entries), NO_TAG);
        }
        self.line.resize(length(late), NO_TAG);
        if is_shorter {
            self.index_anew();
        }
    }

    /// Puts a tag back to a position that is empty. Of two positions of one identity the older one stays: the one with the
    /// lower index in a tier, and of two tiers the one that comes back. The newer one becomes empty, and is answered; none where
    /// nothing was put back. Where the roots are public no position becomes empty any more (`stands`).
    pub(super) fn put_back(
        &mut self,
        (tier, index): (u8, u64),
        entry: &Entry,
        tag: Tag,
        stands: bool,
    ) -> Option<Option<(u8, u64)>> {
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let list = if tier == LINE { Some(&mut self.line) } else { self.pool.get_mut(usize::from(tier)) };
        let place = list.and_then(|list| list.get_mut(at)).filter(|place| **place == NO_TAG)?;
        *place = tag;
        self.several.insert(row(tier, index), half(entry));
        let Some((other_tier, other_index)) = self.find_but(&tag, row(tier, index)) else {
            self.index(tier, index, &tag);
            return Some(None);
        };
        if tier == LINE || other_tier == LINE {
            // Who stands in the line and in the pool came to the line for a place that was lost: the line counts.
            if tier == LINE {
                self.index(tier, index, &tag);
            }
            return Some(None);
        }
        if stands || (other_tier == tier && other_index < index) {
            // That one is the older of the two, or is published.
            self.set(tier, index, NO_TAG);
            self.several.remove(&row(tier, index));
            return None;
        }
        self.empty(other_tier, other_index);
        self.index(tier, index, &tag);
        Some(Some((other_tier, other_index)))
    }

    /// The tags of all tiers are these again, as they were frozen.
    pub(super) fn put_back_all(&mut self, tags: &[Vec<Tag>]) {
        for (known, tags) in self.pool.iter_mut().zip(tags) {
            known.clone_from(tags);
        }
        self.index_anew();
    }

    /// The tags of a tier, in order.
    pub(super) fn of_tier(&self, tier: u8) -> &[Tag] {
        self.pool.get(usize::from(tier)).map_or(&[], Vec::as_slice)
    }

    fn empty(&mut self, tier: u8, index: u64) {
        let row = row(tier, index);
        let tag = self.tag(row);
        if let Ok(found) = self.rows.find_entry(self.hasher.hash_one(tag), |other| *other == row) {
            found.remove();
        }
        self.set(tier, index, NO_TAG);
        self.several.remove(&row);
    }

    fn set(&mut self, tier: u8, index: u64, tag: Tag) {
        let list = if tier == LINE { Some(&mut self.line) } else { self.pool.get_mut(usize::from(tier)) };
        if let Some(place) = list.and_then(|list| list.get_mut(length(index))) {
            *place = tag;
        }
    }

    fn find_but(&self, tag: &Tag, but: Row) -> Option<(u8, u64)> {
        let is_other = |row: &Row| *row != but && self.tag(*row) == *tag;
        self.rows.find(self.hasher.hash_one(tag), is_other).map(|row| split(*row))
    }

    /// Has a tag found at a position.
    fn index(&mut self, tier: u8, index: u64, tag: &Tag) {
        if *tag == NO_TAG {
            return;
        }
        let hash = self.hasher.hash_one(tag);
        let Self { pool, line, rows, hasher, .. } = self;
        if let Ok(found) = rows.find_entry(hash, |row| tag_at(pool, line, *row) == *tag) {
            found.remove();
        }
        rows.insert_unique(hash, row(tier, index), |row| hasher.hash_one(tag_at(pool, line, *row)));
    }

    /// Makes the index again: the pool first, so that the line counts where a tag stands in both.
    fn index_anew(&mut self) {
        self.rows.clear();
        let all = [self.pool.iter().map(Vec::len).sum(), self.line.len()];
        let mut every = Vec::with_capacity(all.iter().sum());
        for (tier, tags) in (0..LINE).zip(&self.pool).chain([(LINE, &self.line)]) {
            every.extend((0..tags.len() as u64).map(|index| (tier, index)));
        }
        for (tier, index) in every {
            let tag = self.tag(row(tier, index));
            self.index(tier, index, &tag);
        }
        let Self { pool, line, several, .. } = self;
        several.retain(|row, _| tag_at(pool, line, *row) != NO_TAG);
    }

    fn tag(&self, row: Row) -> Tag {
        tag_at(&self.pool, &self.line, row)
    }
}

/// The index follows from the lists.
impl PartialEq for Identities {
    fn eq(&self, other: &Self) -> bool {
        self.pool == other.pool && self.line == other.line && self.several == other.several
    }
}

/// Where a row leads to.
pub(super) fn spot((tier, index): (u8, u64), early: u64) -> Spot {
    match tier {
        LINE => Spot::Line { place: early + index },
        tier => Spot::Pool { tier, index },
    }
}

fn tag_at(pool: &[Vec<Tag>], line: &[Tag], row: Row) -> Tag {
    let (tier, index) = split(row);
    let list = if tier == LINE { Some(line) } else { pool.get(usize::from(tier)).map(Vec::as_slice) };
    list.and_then(|list| list.get(length(index))).copied().unwrap_or(NO_TAG)
}

fn row(tier: u8, index: u64) -> Row {
    u32::from(tier) << INDEX_BITS | (index % INDEX_END) as u32
}

fn split(row: Row) -> (u8, u64) {
    ((row >> INDEX_BITS) as u8, u64::from(row) % INDEX_END)
}

fn half(entry: &Entry) -> Tag {
    *entry.first_chunk().expect("an entry has 32 bytes")
}

fn length(entries: u64) -> usize {
    usize::try_from(entries).expect("the tags of a room can be addressed")
}
