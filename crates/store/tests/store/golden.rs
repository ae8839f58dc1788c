//! Files of released versions, byte for byte as those wrote them: each of them is read for ever.
//!
//! A change that makes one of these unreadable would lose a running sale at an upgrade. What is written may change: then
//! its version goes up, what reads the old one stays, and files of the new one are added here.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fairgate_core::room::{Outcome, Phase, Position, View};
use fairgate_store::Store;
use fairgate_store::embedded::EmbeddedStore;
use fairgate_telemetry::clock::ManualClock;
use fairgate_testkit::PrivateRedis;
use tempfile::TempDir;

use crate::operations::{ROOM, START_MS, entry};
use crate::redis::open_in;

/// A directory in which a room has the files of a version, those of them that are wanted.
fn as_released(version: &str, is_wanted: impl Fn(&Path) -> bool) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(ROOM)).unwrap();
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/golden").join(version);
    let files = fs::read_dir(files).unwrap().map(|file| file.unwrap().path());
    let wanted: Vec<PathBuf> = files.filter(|path| is_wanted(path)).collect();
    assert!(!wanted.is_empty(), "nothing of {version}");
    wanted.iter().for_each(|path| _ = fs::copy(path, dir.path().join(ROOM).join(path.file_name().unwrap())).unwrap());
    dir
}

/// Forty came in time and one late. Four of those who were called came in and one of them has left again, and one gave
/// up.
fn is_as_it_was(view: &View) {
    assert_eq!(view.phase, Phase::Serving);
    assert_eq!((view.pool_size, view.admitted, view.active, view.left), (40, 4, 3, 1));
    assert_eq!((view.message.as_deref(), view.policy.rate_per_minute), (Some("soon"), 700));
    assert_eq!((view.draw.entries, view.draw.missing), (Some(40), Some(0)));
    assert!(view.draw.seed.is_some() && view.closed.contains_key(&1));
}

fn entries() -> Vec<u8> {
    (0..40).flat_map(entry).collect()
}

#[tokio::test]
async fn a_journal_that_was_released_is_the_same_room() {
    let dir = as_released("embedded-2", |_| true);
    let store = EmbeddedStore::open(dir.path(), Arc::new(ManualClock::at(START_MS + 182_100))).unwrap();
    let view = store.view(ROOM).await.unwrap();
    is_as_it_was(&view);
    assert_eq!((view.line_size, view.missing), (41, 0));
    assert_eq!(store.roster(ROOM, 0..u64::MAX).await.unwrap(), entries());
    let next = store.apply(ROOM, fairgate_core::room::Command::Enter(vec![entry(101)])).await.unwrap();
    assert_eq!(next, Outcome::Entered(vec![Position::Line(41)]));
}

/// With the copy of the roster, and with the entries that were answered alone.
#[tokio::test]
async fn what_an_edge_wrote_down_when_it_was_released_is_put_back() {
    for has_copy in [true, false] {
        let dir = as_released("ledger-1", |path| has_copy || path.extension().is_none_or(|of| of != "roster"));
        let redis = PrivateRedis::start().unwrap();
        let edge = open_in(&redis, &Arc::new(ManualClock::at(START_MS + 182_100)), Some(dir.path()));
        let view = edge.view(ROOM).await.unwrap();
        is_as_it_was(&view);
        assert!(view.line_size >= 41 && view.mending);
        assert_eq!(view.missing, 0, "has a copy: {has_copy}");
        assert_eq!(edge.roster(ROOM, 0..u64::MAX).await.unwrap(), entries());
    }
}
