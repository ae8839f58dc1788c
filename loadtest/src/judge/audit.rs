//! The draw, checked from its public record alone: commitment, root, seed, and every own entry where its ticket says.

use fairgate_draw::{Hash, RootHasher, ZERO, commitment, seed};

use crate::wire::Draw;

const ENTRY_BYTES: usize = 32;

/// What an audit of the published draw found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Audit {
    /// Entries looked at.
    pub(crate) entries: u64,
    /// What does not fit; empty where everything does.
    pub(crate) findings: Vec<String>,
}

impl Audit {
    /// An audit that could not be made.
    pub(crate) fn impossible(why: &str) -> Self {
        Self { entries: 0, findings: vec![format!("the draw cannot be checked: {why}")] }
    }

    /// Recomputes the draw from its roster and looks up `own` entries by their index.
    pub(crate) fn of(record: &Draw, roster: &[u8], own: impl Iterator<Item = (u64, Hash)>) -> Self {
        let (entries, rest) = roster.as_chunks::<ENTRY_BYTES>();
        let mut findings = Vec::new();
        if !rest.is_empty() {
            findings.push(format!("the roster ends within an entry ({} bytes)", roster.len()));
        }
        let mut hasher = RootHasher::new();
        entries.iter().for_each(|entry| hasher.push(entry));
        let (count, root) = hasher.finish();
        findings.extend(Self::contradictions(record, count, root));
        for (index, entry) in own {
            let published = usize::try_from(index).ok().and_then(|index| entries.get(index));
            if published != Some(&entry) {
                findings.push(format!("the roster has another entry at index {index} than the ticket"));
            }
        }
        Self { entries: count, findings }
    }

    fn contradictions(record: &Draw, count: u64, root: Hash) -> Vec<String> {
        let mut findings = Vec::new();
        if record.entries != Some(count) {
            findings.push(format!("N is published as {:?}, the roster has {count} entries", record.entries));
        }
        if record.root != Some(root) {
            findings.push("the roster has another root than the published one".to_owned());
        }
        let (Some(secret), Some(digest)) = (record.secret, record.descriptor_digest) else {
            findings.push("the secret or the descriptor's digest is not published".to_owned());
            return findings;
        };
        if record.commitment != Some(commitment(&secret)) {
            findings.push("the secret is not the committed one".to_owned());
        }
        if record.seed != Some(seed(&digest, count, &root, &secret, &record.beacon.unwrap_or(ZERO))) {
            findings.push("the seed does not follow from the published numbers".to_owned());
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(entries: &[Hash]) -> (Draw, Vec<u8>) {
        let (secret, digest) = ([9; 32], [8; 32]);
        let mut hasher = RootHasher::new();
        entries.iter().for_each(|entry| hasher.push(entry));
        let (count, root) = hasher.finish();
        let record = Draw {
            entries: Some(count),
            descriptor_digest: Some(digest),
            commitment: Some(commitment(&secret)),
            root: Some(root),
            secret: Some(secret),
            beacon: None,
            seed: Some(seed(&digest, count, &root, &secret, &ZERO)),
        };
        (record, entries.concat())
    }

    #[test]
    fn an_honest_draw_passes() {
        let (record, roster) = draw(&[[1; 32], [2; 32], [3; 32]]);
        let audit = Audit::of(&record, &roster, [(2, [3; 32]), (0, [1; 32])].into_iter());
        assert_eq!(audit, Audit { entries: 3, findings: vec![] });
    }

    #[test]
    fn a_dropped_moved_or_late_entry_shows() {
        let (record, roster) = draw(&[[1; 32], [2; 32], [3; 32]]);
        let findings = |record: &Draw, roster: &[u8], own: (u64, Hash)| {
            Audit::of(record, roster, std::iter::once(own)).findings.len()
        };
        assert_eq!(findings(&record, &roster, (1, [3; 32])), 1, "moved");
        assert_eq!(findings(&record, &roster, (3, [4; 32])), 1, "dropped");
        let late = [roster.clone(), vec![4; 32]].concat();
        assert_eq!(findings(&record, &late, (0, [1; 32])), 3, "late: N, root and seed");
        assert_eq!(findings(&record, &roster[..70], (0, [1; 32])), 4, "cut: a part entry, N, root and seed");
    }

    #[test]
    fn another_secret_or_seed_shows() {
        let (record, roster) = draw(&[[1; 32]]);
        let audit = |record: Draw| Audit::of(&record, &roster, std::iter::empty()).findings.len();
        assert_eq!(audit(Draw { secret: Some([7; 32]), ..record.clone() }), 2);
        assert_eq!(audit(Draw { seed: Some([7; 32]), ..record.clone() }), 1);
        assert_eq!(audit(Draw { secret: None, ..record }), 1);
    }
}
