//! `[store]`: where rooms live.

use std::path::PathBuf;

use super::reader::Section;

/// The embedded store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The directory with the rooms' journals; made where it is missing.
    pub path: PathBuf,
}

impl StoreConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        Some(Self { path: section.get_or("path", "data".into()) })
    }
}
