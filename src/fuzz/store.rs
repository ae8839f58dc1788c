//! Fuzzes the files of a store, whatever is in them. Nothing panics, what is read is whole, and a file that was opened
//! once has nothing torn any more.

use fairgate_store::fuzzed::{read_journal, read_knowledge};
use fairgate_store::redis::PlayedEntries;

/// A journal.
pub fn journal(bytes: &[u8]) {
    let commits = read_journal(bytes);
    // Whatever stands behind them changes nothing about those that were read.
    let longer = [bytes, &[0x5a; 40]].concat();
    assert!(read_journal(&longer) >= commits, "{commits} commits are gone");
}

/// The entries that an edge has answered, and what it knows.
pub fn ledger(bytes: &[u8]) {
    let mut file = PlayedEntries { bytes: bytes.to_vec() };
    let entries = file.entries();
    file.open();
    assert_eq!(file.entries(), entries, "opening it takes no entry away");
    let opened = file.clone();
    file.open();
    assert_eq!(file.bytes, opened.bytes, "nothing is torn any more");
    read_knowledge(bytes);
}
