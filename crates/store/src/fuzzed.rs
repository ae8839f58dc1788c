//! What reads files from a disk, for whoever fuzzes it.

use super::embedded::count_commits;

/// How many commits of a journal can be read, one behind the other from its beginning.
#[must_use]
pub fn read_journal(bytes: &[u8]) -> u64 {
    count_commits(bytes)
}

/// Reads a file of knowledge.
pub fn read_knowledge(bytes: &[u8]) {
    drop(super::redis::read_knowledge(bytes));
}
