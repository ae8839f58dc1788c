//! What an organizer has decided about a reference, in 20 bytes.
//!
//! ```text
//! reference 5 | tier 1 | index 5 | verdict 1 | reason 1 | way 1 | time u32, s | 0 0
//! ```

use serde::{Deserialize, Serialize};

use super::refusal::{Refusal, named, number, read_position, spell_position};
use crate::policy::WayKind;
use crate::way::Reason;

/// Bytes of an overrule.
pub const OVERRULE_BYTES: usize = 20;

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The fan is let in: nothing more is asked for this reason.
    LetIn,
    /// The fan is not let in.
    Refuse,
}

const VERDICTS: [Verdict; 2] = [Verdict::LetIn, Verdict::Refuse];

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrule {
    /// What the fan quoted; zeros where it was forgotten.
    pub reference: [u8; 5],
    /// Tier and index; `None` for somebody who had not entered.
    pub position: Option<(u8, u64)>,
    /// What was decided; `None` in a row of a newer version.
    pub verdict: Option<Verdict>,
    /// What the fan had been refused for.
    pub reason: Option<Reason>,
    /// The kind of way that was refused; empty where it was none in particular.
    pub kind: &'static str,
    /// When it was decided, Unix seconds.
    pub at_s: u32,
}

impl Overrule {
    /// A decision about a refusal at a time, Unix ms.
    #[must_use]
    pub fn of(refusal: &Refusal, verdict: Verdict, now_ms: u64) -> Self {
        Self {
            reference: *refusal.reference.bytes(),
            position: refusal.position,
            verdict: Some(verdict),
            reason: Some(refusal.reason),
            kind: refusal.kind,
            at_s: u32::try_from(now_ms / 1000).unwrap_or(u32::MAX),
        }
    }

    /// As a store keeps it.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; OVERRULE_BYTES] {
        let mut bytes = [0; OVERRULE_BYTES];
        let (tier, index) = spell_position(self.position);
        bytes[..5].copy_from_slice(&self.reference);
        bytes[5] = tier;
        bytes[6..11].copy_from_slice(&index);
        bytes[11] = self.verdict.map_or(0, |verdict| number(&VERDICTS, &verdict));
        bytes[12] = self.reason.map_or(0, |reason| number(&Reason::ALL, &reason));
        bytes[13] = number(&WayKind::WORDS, &self.kind);
        bytes[14..18].copy_from_slice(&self.at_s.to_be_bytes());
        bytes
    }

    /// Reads a decision.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; OVERRULE_BYTES]) -> Self {
        Self {
            reference: std::array::from_fn(|at| bytes[at]),
            position: read_position(bytes[5], &bytes[6..11]),
            verdict: named(&VERDICTS, bytes[11]).copied(),
            reason: named(&Reason::ALL, bytes[12]).copied(),
            kind: named(&WayKind::WORDS, bytes[13]).copied().unwrap_or(""),
            at_s: u32::from_be_bytes(std::array::from_fn(|at| bytes[14 + at])),
        }
    }

    /// Forgets what the fan quoted: a decision about a position goes on to count.
    pub(super) fn forget(bytes: &mut [u8; OVERRULE_BYTES]) {
        bytes[..5].fill(0);
    }
}
