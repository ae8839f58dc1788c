//! What a reference stands for, in 32 bytes.
//!
//! ```text
//! reference 5 | tier 1 | index 5 | reason 1 | way 1 | time u32, s | points of each signal 14 | 0
//! ```
//!
//! Numbers are big-endian. Who has no position has the tier 255.

use crate::policy::WayKind;
use crate::reference::Reference;
use crate::score::{Score, Signal};
use crate::way::Reason;

/// Bytes of a refusal.
pub const REFUSAL_BYTES: usize = 32;
/// The tier of somebody who has no position.
pub(super) const NOBODY: u8 = u8::MAX;
/// Indexes have five bytes.
const INDEX_END: u64 = 1 << 40;
const SIGNALS_AT: usize = 17;

/// A refusal, or something that was owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the fan quotes.
    pub reference: Reference,
    /// Tier and index; `None` for somebody who did not enter.
    pub position: Option<(u8, u64)>,
    /// Why.
    pub reason: Reason,
    /// The kind of way that was refused; empty where it was none in particular.
    pub kind: &'static str,
    /// When, Unix seconds.
    pub at_s: u32,
    /// Points of suspicion, by signal.
    pub points: Vec<(Signal, u8)>,
}

impl Refusal {
    /// A refusal at a time, Unix ms.
    #[must_use]
    pub fn new(
        reference: Reference,
        position: Option<(u8, u64)>,
        reason: Reason,
        kind: Option<&WayKind>,
        now_ms: u64,
    ) -> Self {
        let at_s = u32::try_from(now_ms / 1000).unwrap_or(u32::MAX);
        Self { reference, position, reason, kind: kind.map_or("", WayKind::word), at_s, points: Vec::new() }
    }

    /// The same with a score's signals.
    #[must_use]
    pub fn with_score(mut self, score: &Score) -> Self {
        // A signal has 100 points at most.
        let points = |(signal, points): &(Signal, u16)| (*signal, u8::try_from(*points).unwrap_or(u8::MAX));
        self.points = score.signals().iter().map(points).collect();
        self
    }

    /// As a store keeps it.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; REFUSAL_BYTES] {
        let mut bytes = [0; REFUSAL_BYTES];
        bytes[..5].copy_from_slice(self.reference.bytes());
        let (tier, index) = spell_position(self.position);
        bytes[5] = tier;
        bytes[6..11].copy_from_slice(&index);
        bytes[11] = number(&Reason::ALL, &self.reason);
        bytes[12] = number(&WayKind::WORDS, &self.kind);
        bytes[13..17].copy_from_slice(&self.at_s.to_be_bytes());
        for (signal, points) in &self.points {
            if let Some(at) = Signal::ALL.iter().position(|own| own == signal) {
                bytes[SIGNALS_AT + at] = *points;
            }
        }
        bytes
    }

    /// Reads a refusal; `None` where nothing stands, or something of a newer version.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; REFUSAL_BYTES]) -> Option<Self> {
        let reason = *named(&Reason::ALL, bytes[11])?;
        let points = Signal::ALL.iter().zip(&bytes[SIGNALS_AT..]).filter(|(_, points)| **points > 0);
        Some(Self {
            reference: Reference::from_bytes(*bytes.first_chunk()?),
            position: read_position(bytes[5], &bytes[6..11]),
            reason,
            kind: named(&WayKind::WORDS, bytes[12]).copied().unwrap_or(""),
            at_s: u32::from_be_bytes(*bytes[13..].first_chunk()?),
            points: points.map(|(signal, points)| (*signal, *points)).collect(),
        })
    }

    /// The sum of the points.
    #[must_use]
    pub fn sum(&self) -> u32 {
        self.points.iter().map(|(_, points)| u32::from(*points)).sum()
    }
}

/// Tier, and five bytes of index.
pub(super) fn spell_position(position: Option<(u8, u64)>) -> (u8, [u8; 5]) {
    let (tier, index) = position.filter(|(_, index)| *index < INDEX_END).unwrap_or((NOBODY, INDEX_END - 1));
    let bytes = index.to_be_bytes();
    (tier, std::array::from_fn(|at| bytes[3 + at]))
}

/// Reads what [`spell_position`] makes.
pub(super) fn read_position(tier: u8, index: &[u8]) -> Option<(u8, u64)> {
    let index = index.iter().fold(0, |index, byte| index << 8 | u64::from(*byte));
    (tier != NOBODY).then_some((tier, index))
}

/// The number of a value in a list, from 1; 0 where it is not in it.
pub(super) fn number<T: PartialEq>(list: &[T], value: &T) -> u8 {
    let at = list.iter().position(|own| own == value);
    at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
}

/// The value of a number.
pub(super) fn named<T>(list: &[T], number: u8) -> Option<&T> {
    list.get(usize::from(number.checked_sub(1)?))
}
