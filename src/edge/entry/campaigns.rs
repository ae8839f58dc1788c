//! The lists of codes of a room, read from their files and read again when these change.
//!
//! Guarantees:
//! - a file that cannot be used changes nothing: what was read before stays
//! - nobody's codes count until their list was read
//! - a file is read once a change, whether it can be used or not
//! - what another edge has revoked is revoked here, and stays so when this edge is started again
//! - a list of another edge takes the place of an older one, or of none; a file that cannot be used is left to people

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fairgate_entry::code::{CampaignName, Revoked};
use fairgate_entry::keys::Key;
use fairgate_token::KeySet;

use crate::codes::{AddError, LoadError, Loaded, add_revoked, list_file, load, revoked_file, take_over};
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
    /// When the list was made, Unix ms.
    made_at_ms: u64,
}

/// What there is of a campaign's list here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownList {
    /// No file.
    Missing,
    /// A file that cannot be used, or that was not read yet.
    Unusable,
    /// A list.
    Read {
        /// Its version: the hash of its fingerprints.
        version: [u8; 32],
        /// When it was made, Unix ms; 0 where it does not say so.
        made_at_ms: u64,
    },
}

impl CampaignFiles {
    /// The files of these campaigns in a directory; none of them is read yet. `key` is that of
    /// [`Purpose::Codes`](fairgate_entry::keys::Purpose::Codes).
    pub(crate) fn new(dir: PathBuf, key: Key, names: impl Iterator<Item = CampaignName>) -> Self {
        let seen = names.map(|name| Seen { name, files: None, problem: None, revoked: None, made_at_ms: 0 });
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
                seen.made_at_ms = loaded.campaign.made_at_ms();
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

    /// The campaigns.
    pub(crate) fn names(&self) -> Vec<CampaignName> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|seen| seen.name.clone()).collect()
    }

    /// Where the lists are.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a campaign's list is.
    pub(crate) fn list_file(&self, name: &CampaignName) -> PathBuf {
        list_file(&self.dir, name)
    }

    /// What there is of a campaign's list, as it was read last.
    pub(crate) fn list(&self, name: &CampaignName) -> KnownList {
        if !self.list_file(name).exists() {
            return KnownList::Missing;
        }
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.iter().find(|seen| seen.name == *name && seen.problem.is_none());
        let read = seen.and_then(|seen| Some((*seen.revoked.as_ref()?.version(), seen.made_at_ms)));
        read.map_or(KnownList::Unusable, |(version, made_at_ms)| KnownList::Read { version, made_at_ms })
    }

    /// Puts a list of another edge into its place if it is that version and newer than the one that is there; the next look reads
    /// it. Answers false where it is not. `file` is on the disk of the lists, `keys` are believed.
    ///
    /// # Errors
    /// One of the lists is not believed, or a file cannot be written.
    pub(crate) fn take_over(
        &self,
        keys: &KeySet,
        name: &CampaignName,
        (version, file): (&[u8; 32], &Path),
    ) -> Result<bool, AddError> {
        take_over(&self.dir, name, &self.key, keys, (version, file))
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
        make_at(dir, codes, ring, 2_000);
    }

    fn make_at(dir: &Path, codes: u8, ring: &KeyRing, now_ms: u64) {
        let mut builder = CampaignBuilder::new(Fingerprinter::new(key(), name()), CodeKind::Made);
        (0..codes).for_each(|n| builder.push(&Code::make([n; 7])).unwrap());
        save(dir, builder, &key(), ring, now_ms).unwrap();
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
    fn a_list_of_another_edge_takes_the_place_of_an_older_one_and_revoked_codes_stay_revoked() {
        let (dir, other, ring) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), ring());
        let files = CampaignFiles::new(dir.path().to_owned(), key(), [name()].into_iter());
        let made = |codes, at_ms| {
            make_at(other.path(), codes, &ring, at_ms);
            let file = dir.path().join("handed-on");
            std::fs::copy(list_file(other.path(), &name()), &file).unwrap();
            (*load(other.path(), &name(), &key(), ring.public()).unwrap().campaign.version(), file)
        };
        let take_over =
            |(version, file): ([u8; 32], PathBuf)| files.take_over(ring.public(), &name(), (&version, &file));
        let counts = || {
            let mut counts = Vec::new();
            files.look(ring.public(), |loaded| counts.push((loaded.campaign.len(), loaded.revoked.count())));
            counts
        };
        assert_eq!(files.list(&name()), KnownList::Missing);
        let first = made(3, 2_000);
        assert!(!take_over(([0; 32], first.1.clone())).unwrap(), "it is another one than was told");
        assert_eq!(files.list(&name()), KnownList::Missing);
        assert!(take_over(first.clone()).unwrap());
        assert_eq!(files.list(&name()), KnownList::Unusable, "it was not read yet");
        assert_eq!(counts(), [(3, 0)]);
        assert_eq!(files.list(&name()), KnownList::Read { version: first.0, made_at_ms: 2_000 });
        files.take_in(ring.public(), &name(), &first.0, &[0b101]).unwrap();
        assert_eq!(counts(), [(3, 2)]);

        for older_ms in [1_999, 0] {
            assert!(!take_over(made(5, older_ms)).unwrap());
        }
        let alone = lock(dir.path()).unwrap();
        assert!(!take_over(made(5, 2_001)).unwrap(), "somebody changes campaigns");
        drop(alone);
        assert!(take_over(made(5, 2_001)).unwrap());
        assert_eq!(counts(), [(5, 2)]);

        let foreign = CampaignFiles::new(dir.path().to_owned(), Key::from_bytes([2; 32]), [name()].into_iter());
        let (version, file) = made(7, 3_000);
        assert!(foreign.take_over(ring.public(), &name(), (&version, &file)).is_err(), "made with another key");
        std::fs::write(&file, b"no list").unwrap();
        assert!(files.take_over(ring.public(), &name(), (&version, &file)).is_err());
        assert_eq!(counts(), [(0, 0); 0], "nothing has changed");
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
