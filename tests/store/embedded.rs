//! What only the embedded store promises: files, crashes, full disks, and one user at a time.

use std::path::Path;
use std::sync::Arc;

use fairgate::room::{Command, Outcome, Policy, Position};
use fairgate::store::Store;
use fairgate::store::embedded::{EmbeddedStore, OpenError};

use crate::clock::ManualClock;
use crate::operations::{ROOM, START_MS, entry, plan};

/// A policy that lets a few people in.
pub(crate) fn policy() -> Policy {
    Policy {
        rate_per_minute: 600,
        burst: 5,
        max_active: 50,
        grace_ms: 30_000,
        session_idle_ms: 60_000,
        session_max_ms: 600_000,
        witness_ms: 2_000,
    }
}

fn open(dir: &Path, clock: &Arc<ManualClock>) -> EmbeddedStore {
    EmbeddedStore::open(dir, Arc::clone(clock) as _).expect("the directory is free")
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let store = open(dir.path(), &clock);
    store.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.set(START_MS + 60_000);
    for fans in [vec![1, 2, 1], vec![3]] {
        store.apply(ROOM, Command::Enter(fans.into_iter().map(entry).collect())).await.unwrap();
    }
    let (before, revision) = (store.commits(), store.view(ROOM).await.unwrap().revision);
    let again = store.apply(ROOM, Command::Enter(vec![entry(2)])).await.unwrap();
    assert_eq!(again, Outcome::Entered(vec![Position::Pool(1)]));
    assert_eq!(store.commits(), before, "a retry cost a commit");
    drop(store);

    let store = open(dir.path(), &clock);
    assert_eq!(store.view(ROOM).await.unwrap().revision, revision);
    let roster = store.roster(ROOM, 0..10).await.unwrap();
    assert_eq!(&roster[..], [entry(1), entry(2), entry(3)].as_flattened());
    let roster = store.roster(ROOM, 1..2).await.unwrap();
    assert_eq!(&roster[..], entry(2));
}

#[tokio::test]
async fn a_directory_has_one_user() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let first = open(dir.path(), &clock);
    let error = EmbeddedStore::open(dir.path(), Arc::clone(&clock) as _).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }));
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    drop(first);
    open(dir.path(), &clock);
}
