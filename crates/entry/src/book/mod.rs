//! The book of one draw's entries: how many came from where, who was refused, what was overruled, and what claims owed.
//!
//! Guarantees:
//! - memory is bounded whatever comes
//! - no address and no identity is in it: networks are tags of this draw, and fans are positions
//! - what one edge tells twice counts once
//!
//! All edges of a fleet share one book for each draw. A store keeps it; this is what it keeps, and the model of it.
//!
//! Parts:
//! - [`Heat`] counts entries by network.
//! - [`Refusal`] is what a reference stands for, and [`Overrule`] what an organizer has decided about it.
//! - [`Told`] is what an edge tells, once a second, and [`Seen`] what it is answered.

mod heat;
mod overrule;
mod owed;
mod refusal;
mod tally;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::heat::NetworkTag;

pub use heat::{Heat, Sums};
pub use overrule::{OVERRULE_BYTES, Overrule, Verdict};
pub use owed::{Asking, Counted, Positions, TIERS_MAX};
pub use refusal::{REFUSAL_BYTES, Refusal};
pub use tally::{ENTERED, MOVED, MinuteCount, Summary, all, by_minute, tally_row};

/// Refusals that are kept; a newer one takes the oldest one's place.
pub const REFUSALS_MAX: usize = 100_000;
/// Overrules that a draw can have.
pub const OVERRULES_MAX: usize = 65_536;
/// Rows of the tally: ways, outcomes and minutes. Beyond, minutes are not told apart any more.
pub const TALLY_ROWS_MAX: usize = 20_000;
/// Edges whose last telling is remembered.
pub const EDGES_MAX: usize = 1_000;
/// Networks that are told at once.
pub const NETWORKS_AT_ONCE: usize = 128;
/// Refusals that are told at once.
pub const REFUSALS_AT_ONCE: usize = 1_000;
/// Positions that are told at once.
pub const POSITIONS_AT_ONCE: usize = 500;
/// Rows of the tally that are told at once.
pub const TALLY_AT_ONCE: usize = 500;

/// For so long a book is kept after the end of its draw: 30 days.
pub const BOOK_KEPT_MS: u64 = 30 * 24 * 3_600_000;

/// Until when a book is kept, Unix ms. Where the draw has no end, that is counted from when it was used last.
#[must_use]
pub fn kept_until_ms(now_ms: u64, ends_at_ms: Option<u64>) -> u64 {
    ends_at_ms.unwrap_or(now_ms).saturating_add(BOOK_KEPT_MS)
}

/// What an edge has seen since it told last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Who tells: random, for each run of an edge.
    pub edge: [u8; 8],
    /// The number of this telling, from 1; 0 tells nothing and only asks.
    pub number: u64,
    /// Until when the book is kept, Unix ms.
    pub keep_until_ms: u64,
    /// The hour, Unix ms divided by 3,600,000.
    pub hour: u32,
    /// Columns of the counts, where the book has none yet.
    pub columns: u32,
    /// New entries, of whatever network.
    pub joins: u32,
    /// By how many more networks have fewer than four entries at this edge; negative where many have got more.
    pub light: i32,
    /// New entries of networks that have four or more at this edge.
    pub networks: Vec<(NetworkTag, u16)>,
    /// References that were given ([`Refusal::to_bytes`]).
    pub refusals: Vec<[u8; REFUSAL_BYTES]>,
    /// What became of claims.
    pub positions: Vec<(Asking, u8, u64)>,
    /// What is to be added to rows of the tally.
    pub tally: Vec<(String, u32)>,
}

impl Told {
    /// True if nothing is told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let has_counts = self.joins > 0 || self.light != 0 || !self.networks.is_empty();
        !has_counts && self.refusals.is_empty() && self.positions.is_empty() && self.tally.is_empty()
    }
}

/// What an edge is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// All entries of the fleet.
    pub joins: u64,
    /// Networks with few entries at an edge.
    pub light: i64,
    /// Columns of the first row that were taken by the network of an address.
    pub used: u32,
    /// Columns of the counts; 0 where nothing was counted yet.
    pub columns: u32,
    /// How many overrules there are.
    pub overrules: u64,
    /// True if the book was forgotten: nothing that belongs to a fan is kept any more.
    pub is_forgotten: bool,
    /// Sums of the networks that were told, in order.
    pub sums: Vec<Sums>,
}

/// The book of one draw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// Entries by network; nothing before the first.
    pub heat: Option<Heat>,
    /// Refusals, a ring: the one with number n stands at n modulo [`REFUSALS_MAX`].
    refusals: Vec<u8>,
    /// How many there were in all.
    refused: u64,
    /// What was decided, in order; the last decision about somebody counts.
    overrules: Vec<[u8; OVERRULE_BYTES]>,
    /// Counts by what is counted.
    tally: BTreeMap<String, u64>,
    /// Who was asked at a claim.
    positions: Positions,
    /// The last telling of each edge.
    heard: BTreeMap<[u8; 8], u64>,
    is_forgotten: bool,
    keep_until_ms: u64,
}

/// The parts of a book as a store keeps them, for stores that are no Rust.
#[derive(Clone, Debug, Default)]
pub struct BookParts {
    /// Entries by network.
    pub heat: Option<Heat>,
    /// The ring.
    pub refusals: Vec<u8>,
    /// How many refusals there were in all.
    pub refused: u64,
    /// Overrules, one behind the other.
    pub overrules: Vec<u8>,
    /// The tally.
    pub tally: BTreeMap<String, u64>,
    /// Who was asked.
    pub positions: Positions,
    /// The last telling of each edge.
    pub heard: BTreeMap<[u8; 8], u64>,
    /// True if it was forgotten.
    pub is_forgotten: bool,
    /// Until when it is kept, Unix ms.
    pub keep_until_ms: u64,
}

/// Why an overrule is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a draw has {OVERRULES_MAX} overrules at most, and so many there are")]
pub struct TooMany;

impl Book {
    /// The book of these parts.
    #[must_use]
    pub fn of(parts: BookParts) -> Self {
        let BookParts { heat, refusals, refused, overrules, tally, positions, heard, is_forgotten, keep_until_ms } =
            parts;
        let overrules = overrules.as_chunks::<OVERRULE_BYTES>().0.to_vec();
        Self { heat, refusals, refused, overrules, tally, positions, heard, is_forgotten, keep_until_ms }
    }

    /// Takes in what an edge tells.
    pub fn tell(&mut self, told: &Told) -> Seen {
        let is_new = told.number > 0 && self.heard.get(&told.edge) != Some(&told.number);
        if is_new {
            self.take(told);
        }
        self.seen(told)
    }

    fn take(&mut self, told: &Told) {
        if self.heard.len() >= EDGES_MAX {
            self.heard.clear();
        }
        self.heard.insert(told.edge, told.number);
        self.keep_until_ms = told.keep_until_ms;
        for (row, more) in &told.tally {
            if self.tally.len() < TALLY_ROWS_MAX || self.tally.contains_key(row) {
                *self.tally.entry(row.clone()).or_default() += u64::from(*more);
            }
        }
        if self.is_forgotten {
            return;
        }
        let heat = self.heat.get_or_insert_with(|| Heat::new(told.columns));
        heat.add(told.joins, told.light);
        for (network, entries) in &told.networks {
            heat.count(network, *entries, told.hour);
        }
        for refusal in &told.refusals {
            self.refuse(refusal);
        }
        for (asking, tier, index) in &told.positions {
            self.positions.note(*asking, *tier, *index);
        }
    }

    fn refuse(&mut self, refusal: &[u8; REFUSAL_BYTES]) {
        // At most REFUSALS_MAX.
        let at = (self.refused % REFUSALS_MAX as u64) as usize * REFUSAL_BYTES;
        if self.refusals.len() < at + REFUSAL_BYTES {
            self.refusals.resize(at + REFUSAL_BYTES, 0);
        }
        self.refusals[at..at + REFUSAL_BYTES].copy_from_slice(refusal);
        self.refused += 1;
    }

    fn seen(&self, told: &Told) -> Seen {
        let heat = self.heat.as_ref();
        let sums =
            |(network, _): &(NetworkTag, u16)| heat.map(|heat| heat.sums(network, told.hour)).unwrap_or_default();
        Seen {
            joins: heat.map_or(0, Heat::joins),
            light: heat.map_or(0, Heat::light),
            used: heat.map_or(0, Heat::used),
            columns: heat.map_or(0, Heat::columns),
            overrules: self.overrules.len() as u64,
            is_forgotten: self.is_forgotten,
            sums: told.networks.iter().map(sums).collect(),
        }
    }

    /// Appends overrules if there are so many; answers how many there are then.
    ///
    /// # Errors
    /// There are as many as there may be.
    pub fn overrule(&mut self, known: u64, rows: &[[u8; OVERRULE_BYTES]], keep_until_ms: u64) -> Result<u64, TooMany> {
        let have = self.overrules.len();
        if have as u64 == known && !rows.is_empty() {
            if have + rows.len() > OVERRULES_MAX {
                return Err(TooMany);
            }
            self.overrules.extend_from_slice(rows);
            self.keep_until_ms = self.keep_until_ms.max(keep_until_ms);
        }
        Ok(self.overrules.len() as u64)
    }

    /// Forgets all that belongs to a fan: counts of networks, references, and who was asked. Numbers stay, and so do
    /// decisions about positions, without the reference that they were asked for by. Answers true if there was anything.
    pub fn forget(&mut self, keep_until_ms: u64) -> bool {
        let had = self.heat.is_some() || self.refused > 0;
        self.keep_until_ms = self.keep_until_ms.max(keep_until_ms);
        self.heat = None;
        (self.refusals, self.refused) = (Vec::new(), 0);
        self.positions.forget();
        self.overrules.iter_mut().for_each(Overrule::forget);
        self.is_forgotten = true;
        had
    }

    /// True if it was forgotten.
    #[must_use]
    pub fn is_forgotten(&self) -> bool {
        self.is_forgotten
    }

    /// Until when it is kept, Unix ms.
    #[must_use]
    pub fn keep_until_ms(&self) -> u64 {
        self.keep_until_ms
    }

    /// How many refusals there were in all.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// What a reference stands for: the latest refusal that has it.
    #[must_use]
    pub fn find(&self, reference: &[u8; 5]) -> Option<Refusal> {
        let rows = self.refusals.as_chunks::<REFUSAL_BYTES>().0;
        let (before, next) = rows.split_at((self.refused % REFUSALS_MAX as u64) as usize % rows.len().max(1));
        let newest_first = before.iter().rev().chain(next.iter().rev());
        newest_first.filter(|row| row[..5] == reference[..]).find_map(Refusal::from_bytes)
    }

    /// All decisions, in order.
    pub fn overrules(&self) -> impl Iterator<Item = Overrule> {
        self.overrules.iter().map(Overrule::from_bytes)
    }

    /// The decisions as bytes.
    #[must_use]
    pub fn overrule_rows(&self) -> &[[u8; OVERRULE_BYTES]] {
        &self.overrules
    }

    /// The last decision about a reference.
    #[must_use]
    pub fn overruled(&self, reference: &[u8; 5]) -> Option<Overrule> {
        self.overrules().filter(|overrule| overrule.reference == *reference).last()
    }

    /// How many fans a decision was made about.
    #[must_use]
    pub fn overruled_fans(&self) -> u64 {
        let whom = |overrule: &Overrule| (overrule.position, overrule.position.is_none().then_some(overrule.reference));
        let mut all: Vec<_> = self.overrules().map(|overrule| whom(&overrule)).collect();
        all.sort_unstable();
        all.dedup();
        all.len() as u64
    }

    /// Counts by what is counted.
    #[must_use]
    pub fn tally(&self) -> &BTreeMap<String, u64> {
        &self.tally
    }

    /// Who was asked at a claim.
    #[must_use]
    pub fn positions(&self) -> &Positions {
        &self.positions
    }
}

#[cfg(test)]
mod tests;
