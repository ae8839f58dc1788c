//! Fingerprints of files: what tells a file from its predecessor at the same path.
//!
//! Guarantee: a mounted secret that is replaced by moving a symbolic link is another file, also at the same size and
//! time.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Versions of files: a change of one is a change of the fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint(Vec<(PathBuf, Option<Version>)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    device: u64,
    inode: u64,
    bytes: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl Fingerprint {
    pub(crate) fn of<'p>(files: impl Iterator<Item = &'p Path>) -> Self {
        Self(files.map(|path| (path.to_owned(), Version::of(path))).collect())
    }
}

impl Version {
    /// None where there is no such file.
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.len(),
            modified_ns: ns(file.mtime(), file.mtime_nsec()),
            changed_ns: ns(file.ctime(), file.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_same_size_and_time_is_another_file() {
        let dir = tempfile::tempdir().unwrap();
        let (path, next) = (dir.path().join("key"), dir.path().join("next"));
        let of = || Fingerprint::of([path.as_path()].into_iter());
        let missing = of();
        fs::write(&path, "one").unwrap();
        let first = of();
        assert_ne!(first, missing);
        assert_eq!(first, of());
        fs::write(&next, "two").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&next).unwrap().set_modified(time).unwrap();
        fs::rename(&next, &path).unwrap();
        assert_ne!(first, of());
    }
}
