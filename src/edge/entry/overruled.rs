//! What organizers have decided, as this edge knows it: within a second of the decision, on every edge.
//!
//! Guarantee: a claim or a join asks nobody for it.

use std::collections::HashMap;

use fairgate_entry::book::{OVERRULE_BYTES, Overrule, Verdict};
use fairgate_entry::reference::Reference;

/// Decisions of one draw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overruled {
    draw: [u8; 32],
    rows: Vec<[u8; OVERRULE_BYTES]>,
    positions: HashMap<(u8, u64), Verdict>,
    /// With the kind of way that had been refused.
    references: HashMap<[u8; 5], (Verdict, &'static str)>,
}

impl Overruled {
    /// The decisions of a draw; the last one about somebody counts.
    pub(crate) fn new(draw: &[u8; 32], rows: &[[u8; OVERRULE_BYTES]]) -> Self {
        let mut overruled = Self { draw: *draw, rows: rows.to_vec(), ..Self::default() };
        for overrule in rows.iter().map(Overrule::from_bytes) {
            let Some(verdict) = overrule.verdict else { continue };
            match overrule.position {
                Some(position) => _ = overruled.positions.insert(position, verdict),
                None => _ = overruled.references.insert(overrule.reference, (verdict, overrule.kind)),
            }
        }
        overruled
    }

    /// The decisions of a draw as bytes; none where these are another draw's.
    pub(crate) fn rows(&self, draw: &[u8; 32]) -> &[[u8; OVERRULE_BYTES]] {
        if self.draw == *draw { &self.rows } else { &[] }
    }

    /// What was decided about a position.
    pub(crate) fn position(&self, draw: &[u8; 32], position: (u8, u64)) -> Option<Verdict> {
        self.positions.get(&position).copied().filter(|_| self.draw == *draw)
    }

    /// What was decided about somebody who did not enter, and the kind of way that had been refused.
    pub(crate) fn reference(&self, draw: &[u8; 32], reference: &Reference) -> Option<(Verdict, &'static str)> {
        self.references.get(reference.bytes()).copied().filter(|_| self.draw == *draw)
    }

    /// True if nothing was decided about anybody who did not enter.
    pub(crate) fn has_no_references(&self) -> bool {
        self.references.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use fairgate_entry::book::Refusal;
    use fairgate_entry::way::Reason;

    use super::*;

    #[test]
    fn the_last_decision_counts_and_only_in_its_draw() {
        let (draw, reference) = ([1; 32], Reference::from_bytes([7; 5]));
        let row = |position, verdict| {
            Overrule::of(&Refusal::new(reference, position, Reason::Owes, None, 0), verdict, 0).to_bytes()
        };
        let place = (2, 9);
        let rows = [row(Some(place), Verdict::LetIn), row(None, Verdict::LetIn), row(Some(place), Verdict::Refuse)];
        let overruled = Overruled::new(&draw, &rows);
        assert_eq!(overruled.position(&draw, place), Some(Verdict::Refuse));
        assert_eq!(overruled.position(&draw, (2, 8)), None);
        assert_eq!(overruled.reference(&draw, &reference), Some((Verdict::LetIn, "")));
        assert!(overruled.position(&[2; 32], place).is_none() && overruled.rows(&[2; 32]).is_empty());
        assert_eq!((overruled.rows(&draw).len(), Overruled::default().has_no_references()), (3, true));
    }
}
