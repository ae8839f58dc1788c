//! The lists of codes of a room, read from their files and read again when these change.
//!
//! Guarantees:
//! - a file that cannot be used changes nothing: what was read before stays
//! - nobody's codes count until their list was read
//! - a file is read once a change, whether it can be used or not
//! - what another edge has revoked is revoked here, and stays so when this edge is started again

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use fairgate_entry::code::{CampaignName, Revoked};
use fairgate_entry::keys::Key;
use fairgate_token::KeySet;

use super::desk::{Desk, all_ways};
use crate::codes::{AddError, LoadError, Loaded, add_revoked, list_file, load, revoked_file};
use crate::edge::credentials::fingerprint::Fingerprint;

/// The files of a room's campaigns.
#[derive(Debug)]
pub(crate) struct CampaignFiles {
    dir: PathBuf,
    key: Key,
    seen: Mutex<Vec<Seen>>,
}

#[derive(Debug)]
struct Seen {
    name: CampaignName,
    /// The files as they were when they were read last.
    files: Option<Fingerprint>,
    /// Why they could not be used then.
    problem: Option<String>,
    /// The codes that are revoked, as they were read last.
    revoked: Option<Arc<Revoked>>,
}

impl CampaignFiles {
    /// The files of these campaigns in a directory; none of them is read yet. `key` is that of
    /// [`Purpose::Codes`](fairgate_entry::keys::Purpose::Codes).
    pub(crate) fn new(dir: PathBuf, key: Key, names: impl Iterator<Item = CampaignName>) -> Self {
        let seen = names.map(|name| Seen { name, files: None, problem: None, revoked: None });
        Self { dir, key, seen: Mutex::new(seen.collect()) }
    }

    /// Reads what has changed since the last look; says what cannot be used, at each look.
    pub(crate) fn look(&self, keys: &KeySet, mut take: impl FnMut(Loaded)) -> Vec<String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for seen in seen.iter_mut() {
            let files = [list_file(&self.dir, &seen.name), revoked_file(&self.dir, &seen.name)];
            let now = Fingerprint::of(files.iter().map(PathBuf::as_path));
            if seen.files.as_ref() == Some(&now) {
                continue;
            }
            let loaded = load(&self.dir, &seen.name, &self.key, keys);
            seen.files = Some(now);
            seen.problem = loaded.as_ref().err().map(LoadError::to_string);
            if let Ok(loaded) = loaded {
                seen.revoked = Some(Arc::new(loaded.revoked.clone()));
                take(loaded);
            }
        }
        seen.iter().filter_map(|seen| seen.problem.clone()).collect()
    }
}

impl CampaignFiles {
    /// The revoked codes of each list that was read.
    pub(crate) fn revoked(&self) -> Vec<(CampaignName, Arc<Revoked>)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter_map(|seen| Some((seen.name.clone(), Arc::clone(seen.revoked.as_ref()?)))).collect()
    }

    /// Writes down which codes of a list other edges have revoked besides; the next look reads it. `keys` are believed.
    ///
    /// # Errors
    /// The list cannot be loaded any more, or the file cannot be written.
    pub(crate) fn take_in(
        &self,
        keys: &KeySet,
        name: &CampaignName,
        list: &[u8; 32],
        bits: &[u8],
    ) -> Result<(), AddError> {
        add_revoked(&self.dir, name, &self.key, keys, (list, bits))
    }
}

impl Desk {
    /// Reads lists of codes that have changed; says which cannot be used.
    pub(crate) fn look_for_codes(&self, keys: &KeySet) -> Vec<String> {
        let mut is_new = false;
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let problems = self.code_files.look(keys, |Loaded { campaign, revoked }| {
            let (name, count) = (campaign.name().to_string(), campaign.len());
            self.metrics.observe_codes(&name, count - revoked.count());
            tracing::info!(room = self.room, campaign = name, codes = count, "read a list of codes");
            is_new |= codes.load(Arc::new(campaign), Arc::new(revoked));
        });
        if is_new {
            self.judged.store(Arc::new(all_ways(&self.ways, &codes)));
            self.campaigns.store(Arc::new(codes.clone()));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use fairgate_entry::code::{CampaignBuilder, Code, CodeKind, Fingerprinter};
    use fairgate_telemetry::entropy;
    use fairgate_token::{KeyRing, create_key};

    use super::*;
    use crate::codes::{lock, save, save_revoked};

    fn ring() -> KeyRing {
        let dir = tempfile::tempdir().unwrap();
        create_key(dir.path(), 1_000, &entropy::system()).unwrap();
        KeyRing::load(dir.path(), "https://tickets.example").unwrap()
    }

    fn key() -> Key {
        Key::from_bytes([1; 32])
    }

    fn name() -> CampaignName {
        CampaignName::new("spring").unwrap()
    }

    fn make(dir: &Path, codes: u8, ring: &KeyRing) {
        let mut builder = CampaignBuilder::new(Fingerprinter::new(key(), name()), CodeKind::Made);
        (0..codes).for_each(|n| builder.push(&Code::make([n; 7])).unwrap());
        save(dir, builder, &key(), ring, 2_000).unwrap();
    }

    #[test]
    fn a_list_is_read_once_and_again_when_it_or_its_revocations_change() {
        let (dir, ring) = (tempfile::tempdir().unwrap(), ring());
        let files = CampaignFiles::new(dir.path().to_owned(), key(), [name()].into_iter());
        let look = || {
            let mut taken = Vec::new();
            let problems = files.look(ring.public(), |loaded| taken.push(loaded));
            (taken, problems)
        };
        let (taken, problems) = look();
        assert!(taken.is_empty() && problems.len() == 1 && problems[0].contains("spring.fgc"), "{problems:?}");
        assert_eq!(look().1, problems, "it is said as long as it is so");
        make(dir.path(), 3, &ring);
        let (taken, problems) = look();
        assert_eq!((taken[0].campaign.len(), problems.len(), look().0.len()), (3, 0, 0));
        let mut revoked = Revoked::none(&taken[0].campaign);
        revoked.revoke(1);
        save_revoked(dir.path(), &name(), &revoked).unwrap();
        assert_eq!(look().0[0].revoked.count(), 1);
    }

    #[test]
    fn what_other_edges_have_revoked_is_written_down_and_read() {
        let (dir, ring) = (tempfile::tempdir().unwrap(), ring());
        let files = CampaignFiles::new(dir.path().to_owned(), key(), [name()].into_iter());
        make(dir.path(), 3, &ring);
        assert!(files.revoked().is_empty(), "nothing was read yet");
        let counts = || {
            let mut counts = Vec::new();
            files.look(ring.public(), |loaded| counts.push(loaded.revoked.count()));
            counts
        };
        assert_eq!(counts(), [0]);
        let [(known, revoked)] = &files.revoked()[..] else { panic!("one list") };
        assert_eq!(*known, name());
        let take_in = |list: &[u8; 32], bits: &[u8]| files.take_in(ring.public(), known, list, bits).unwrap();
        take_in(&[0; 32], &[0b101]);
        let alone = lock(dir.path()).unwrap();
        take_in(revoked.version(), &[0b101]);
        assert_eq!(counts(), [0; 0], "it is another list's, and then somebody changes campaigns");
        drop(alone);
        take_in(revoked.version(), &[0b101]);
        assert_eq!((counts(), files.revoked()[0].1.bits()), (vec![2], &[0b101][..]));
        take_in(revoked.version(), &[0b100]);
        assert_eq!(counts(), [0; 0], "nothing new, so nothing is written");
    }

    #[test]
    fn a_foreign_list_changes_nothing_and_is_read_once() {
        let (dir, ring) = (tempfile::tempdir().unwrap(), ring());
        let files = CampaignFiles::new(dir.path().to_owned(), key(), [name()].into_iter());
        make(dir.path(), 3, &self::ring());
        for _ in 0..2 {
            let problems = files.look(ring.public(), |_| panic!("nobody believes it"));
            assert!(problems[0].contains("not signed by a key of this edge"), "{problems:?}");
        }
        make(dir.path(), 2, &ring);
        let mut codes = 0;
        assert!(files.look(ring.public(), |loaded| codes = loaded.campaign.len()).is_empty());
        assert_eq!(codes, 2);
    }
}
