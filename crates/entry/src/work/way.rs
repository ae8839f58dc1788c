//! The way `work`: what a join shows of solved tables, and whether it is enough.
//!
//! Guarantees:
//! - a text is refused by length, epoch and order of tables before a row is made, and at the first table that does not hold
//! - too few tables are never "wrong": they are asked for
//! - no check allocates

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::puzzle::PuzzleKey;
use super::solution::{SOLUTION_BYTES, Solution};
use crate::epoch::Epoch;
use crate::keys::Key;
use crate::way::{Answer, Ask, Judgement, Person, Reason, Scene, Shown, Way, WayName};

/// Most tables that anybody shows; longer work is refused unread.
pub const SHOWN_TABLES_MAX: usize = 64;

/// Why work does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    /// Not base64url of whole solutions, or too much of it.
    #[error("work is base64url of 1 to {SHOWN_TABLES_MAX} solutions of {SOLUTION_BYTES} bytes")]
    Form,
    /// Neither this minute's nor the last one's.
    #[error("the work is of an epoch that is not accepted now")]
    Epoch,
    /// Fewer tables than are asked.
    #[error("there are {shown} tables of work, and {asked} are asked")]
    Few {
        /// As many were shown.
        shown: u32,
        /// As many are asked.
        asked: u32,
    },
    /// A table twice, or before a lower one.
    #[error("the tables of the work are not in ascending order")]
    Tables,
    /// A table that is not solved.
    #[error("table {table} of the work is not solved")]
    Unsolved {
        /// Which.
        table: u16,
    },
}

/// The way `work`.
#[derive(Clone)]
pub struct Work {
    name: WayName,
    key: Key,
}

impl Work {
    /// From k_w, the key of [`Purpose::Work`](crate::keys::Purpose::Work).
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self { name: WayName::new(WayName::WORK).expect("the name of this way is one"), key }
    }

    /// k_w.
    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// The puzzle of this scene's entry in an epoch.
    #[must_use]
    pub fn puzzle(&self, epoch: Epoch, scene: &Scene<'_>) -> PuzzleKey {
        PuzzleKey::of(scene.draw, &epoch.seed(&self.key, scene.draw), &scene.bond)
    }

    /// Whether solutions, base64url, are the work that the scene asks. More tables than asked are not looked at.
    ///
    /// # Errors
    /// Which rule they break first.
    pub fn check(&self, epoch: Epoch, solutions: &str, scene: &Scene<'_>) -> Result<(), WorkError> {
        // The engine wants room for whole groups of four characters.
        let mut bytes = [0; SHOWN_TABLES_MAX * SOLUTION_BYTES + 2];
        let length = URL_SAFE_NO_PAD.decode_slice(solutions, &mut bytes).map_err(|_| WorkError::Form)?;
        let (tables, rest) = bytes[..length].as_chunks::<SOLUTION_BYTES>();
        if tables.is_empty() || tables.len() > SHOWN_TABLES_MAX || !rest.is_empty() {
            return Err(WorkError::Form);
        }
        if !epoch.is_accepted(scene.now_ms) {
            return Err(WorkError::Epoch);
        }
        let asked = scene.effort as usize;
        let Some(tables) = tables.get(..asked) else {
            return Err(WorkError::Few { shown: tables.len() as u32, asked: scene.effort });
        };
        if !tables.is_sorted_by(|left, right| left[..2] < right[..2]) {
            return Err(WorkError::Tables);
        }
        let puzzle = self.puzzle(epoch, scene);
        let solutions = tables.iter().map(Solution::from_bytes);
        let unsolved = solutions.into_iter().find(|solution| solution.check(&puzzle).is_err());
        unsolved.map_or(Ok(()), |solution| Err(WorkError::Unsolved { table: solution.table }))
    }

    fn asked(&self, epoch: Epoch, scene: &Scene<'_>) -> Ask {
        let seed = hex::encode(epoch.seed(&self.key, scene.draw));
        Ask::Work { e: epoch.0, seed, effort: scene.effort }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The solutions as a join shows them.
#[must_use]
pub fn to_base64url(solutions: &[Solution]) -> String {
    let bytes: Vec<u8> = solutions.iter().flat_map(Solution::to_bytes).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Way for Work {
    fn name(&self) -> &WayName {
        &self.name
    }

    fn ask(&self, scene: &Scene<'_>) -> Ask {
        self.asked(Epoch::of(scene.now_ms), scene)
    }

    /// Who shows too little goes on with the same puzzle: what is solved already counts.
    fn judge(&self, shown: &Shown<'_>, scene: &Scene<'_>) -> Judgement {
        let Shown::Work { epoch, solutions } = *shown else { return Judgement::Refused(Reason::WorkWrong) };
        match self.check(Epoch(epoch), solutions, scene) {
            Ok(()) => Judgement::Shown(Person::checked()),
            Err(WorkError::Few { .. }) => Judgement::More(self.asked(Epoch(epoch), scene)),
            Err(WorkError::Epoch) => Judgement::Refused(Reason::WorkLate),
            Err(WorkError::Form | WorkError::Tables | WorkError::Unsolved { .. }) => {
                Judgement::Refused(Reason::WorkWrong)
            }
        }
    }

    fn settle(&self, _: &Answer, _: &Scene<'_>) -> Judgement {
        Judgement::Refused(Reason::WorkWrong)
    }
}

#[cfg(test)]
#[path = "way/tests.rs"]
pub(crate) mod tests;
