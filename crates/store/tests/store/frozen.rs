//! A Redis that loses a roster around its freeze, and edges that put back to the byte what the root was made of.

use std::sync::Arc;

use fairgate_core::room::{Command, GAP};
use fairgate_draw::RootHasher;
use fairgate_store::redis::RedisStore;
use fairgate_store::{CopiedList, Store};
use fairgate_telemetry::clock::ManualClock;
use fairgate_testkit::PrivateRedis;

use crate::embedded::policy;
use crate::loss::{enter, mended};
use crate::operations::{ROOM, START_MS, entry, plan};
use crate::redis::{ask, open, open_in};

/// Two edges with disks of their own, and the pool is open.
async fn pooling(redis: &PrivateRedis, clock: &Arc<ManualClock>) -> ([tempfile::TempDir; 2], [RedisStore; 2]) {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [one, other] = [0, 1].map(|edge| open_in(redis, clock, Some(dirs[edge].path())));
    one.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.set(START_MS + 60_000);
    other.view(ROOM).await.unwrap();
    (dirs, [one, other])
}

/// The root was made of them, so they belong into the roster, though their edge was away when it was made.
#[tokio::test]
async fn entries_under_a_root_come_back_from_an_edge_that_never_saw_it() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let (dirs, [one, other]) = pooling(&redis, &clock).await;
    enter(&one, &[1, 2]).await;
    enter(&other, &[3, 4]).await;
    drop(other);
    clock.set(START_MS + 180_000);
    one.view(ROOM).await.unwrap();
    one.apply(ROOM, Command::Freeze { entries: 4, root: [1; 32] }).await.unwrap();
    one.view(ROOM).await.unwrap();
    let roster = one.roster(ROOM, 0..u64::MAX).await.unwrap();

    ask(&redis, "FLUSHALL").await;
    assert_eq!(one.view(ROOM).await.unwrap().missing, 2);
    let other = open_in(&redis, &clock, Some(dirs[1].path()));
    other.view(ROOM).await.unwrap();
    assert_eq!(one.view(ROOM).await.unwrap().missing, 0);
    assert_eq!(one.roster(ROOM, 0..u64::MAX).await.unwrap(), roster);
}

/// A second loss does not make a hole of the first one look as if it had been filled.
#[tokio::test]
async fn what_an_edge_owes_since_the_first_loss_it_puts_back_after_the_second() {
    let mut redis = PrivateRedis::start_with(&["save", ""]).unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let (dirs, [one, other]) = pooling(&redis, &clock).await;
    enter(&other, &[1, 2]).await;
    enter(&one, &[3]).await;
    drop(other);
    ask(&redis, "FLUSHALL").await;
    assert_eq!(one.view(ROOM).await.unwrap().missing, 2 + GAP);
    ask(&redis, "SAVE").await;
    redis.restart().unwrap();
    while one.view(ROOM).await.is_err_and(|error| error.to_string().contains("unavailable")) {}

    let other = open_in(&redis, &clock, Some(dirs[1].path()));
    other.view(ROOM).await.unwrap();
    let expected = [entry(1), entry(2), entry(3)];
    assert_eq!(one.roster(ROOM, 0..3).await.unwrap(), expected.as_flattened());
}

/// As an edge does before it publishes a root.
async fn copied(edge: &RedisStore) -> [u8; 32] {
    let mut copy = edge.begin_copy(ROOM, CopiedList::Roster).unwrap().unwrap();
    let (roster, mut hasher) = (edge.roster(ROOM, 0..u64::MAX).await.unwrap(), RootHasher::new());
    roster.as_chunks::<32>().0.iter().for_each(|entry| hasher.push(entry));
    copy.push(&roster);
    let (_, root) = hasher.finish();
    copy.keep(&root).unwrap().forget_others();
    root
}

/// Whatever is lost after the root was made, also entries that are in no edge's ledger: one edge has a copy of it all.
#[tokio::test]
async fn a_frozen_roster_comes_back_to_the_byte_from_any_one_edge() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let (dirs, [one, other]) = pooling(&redis, &clock).await;
    enter(&one, &[1, 2]).await;
    enter(&other, &[3, 4]).await;
    // Nobody was answered these.
    enter(&open(&redis, &clock), &[5, 6]).await;
    clock.set(START_MS + 180_000);
    one.view(ROOM).await.unwrap();
    let root = copied(&one).await;
    one.apply(ROOM, Command::Freeze { entries: 6, root }).await.unwrap();
    let before = one.view(ROOM).await.unwrap();
    let roster = one.roster(ROOM, 0..u64::MAX).await.unwrap();
    drop(other);

    ask(&redis, "FLUSHALL").await;
    let after = one.view(ROOM).await.unwrap();
    assert_eq!((after.draw, after.missing), (before.draw.clone(), 0));
    assert_eq!(one.roster(ROOM, 0..u64::MAX).await.unwrap(), roster);
    // And again, with the other one, which made a copy when it was back, and alone.
    let other = open_in(&redis, &clock, Some(dirs[1].path()));
    other.view(ROOM).await.unwrap();
    assert!(!other.has_copy(ROOM, CopiedList::Roster, &root));
    assert_eq!(copied(&other).await, root);
    drop((one, other));
    ask(&redis, "FLUSHALL").await;
    let other = open_in(&redis, &clock, Some(dirs[1].path()));
    let after = other.view(ROOM).await.unwrap();
    assert_eq!((after.draw, after.missing), (before.draw, 0));
    assert_eq!(other.roster(ROOM, 0..u64::MAX).await.unwrap(), roster);
}

/// An older backup may have entries that were missing when the root was made: they have to go again.
#[tokio::test]
async fn a_backup_from_before_the_root_is_made_what_the_root_is_of() {
    let mut redis = PrivateRedis::start_with(&["save", ""]).unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let (_dirs, [one, other]) = pooling(&redis, &clock).await;
    enter(&other, &[3, 4]).await;
    enter(&one, &[1, 2]).await;
    ask(&redis, "SAVE").await;
    drop(other);
    ask(&redis, "FLUSHALL").await;
    clock.set(START_MS + 180_000);
    one.view(ROOM).await.unwrap();
    mended(&one, &clock).await;
    let entries = one.view(ROOM).await.unwrap().pool_size;
    let root = copied(&one).await;
    one.apply(ROOM, Command::Freeze { entries, root }).await.unwrap();
    let frozen = one.view(ROOM).await.unwrap();
    let roster = one.roster(ROOM, 0..u64::MAX).await.unwrap();
    assert_eq!(roster[..64], [0; 64]);

    redis.restart().unwrap();
    while one.view(ROOM).await.is_err_and(|error| error.to_string().contains("unavailable")) {}
    let view = one.view(ROOM).await.unwrap();
    assert_eq!((view.draw, view.missing), (frozen.draw, frozen.missing));
    assert_eq!(one.roster(ROOM, 0..u64::MAX).await.unwrap(), roster);
}
