//! `config_version`: which of a fleet's files is the newest.

use std::path::{Path, PathBuf};

use super::reader::Section;

/// The greatest number that every store carries exactly.
const VERSION_MAX: u64 = (1 << 53) - 1;

/// Which file a room is configured in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
    /// Its version: rooms follow no file that is older than one they have followed.
    pub version: u64,
}

impl Origin {
    pub(super) fn read(root: &Section<'_>, file: &Path) -> Self {
        let version = root.get_or("config_version", 0);
        root.check(
            version <= VERSION_MAX,
            "config_version",
            format!("{version} is out of range"),
            format!("write a number from 0 to {VERSION_MAX}, and a higher one for each version of the file"),
        );
        Self { file: file.to_owned(), version }
    }
}
