//! A Redis that is started again and has lost nothing.

use std::fs;
use std::sync::Arc;

use fairgate_core::room::{ClaimOutcome, Command, GAP, Outcome, Position, View};
use fairgate_store::Store;
use fairgate_store::redis::RedisStore;
use fairgate_telemetry::clock::{Clock, ManualClock};
use fairgate_testkit::PrivateRedis;

use crate::embedded::policy;
use crate::loss::{enter, five_inside, mended};
use crate::operations::{ROOM, START_MS, claimant, entry, plan};
use crate::redis::{ask, open, open_in};

/// A Redis that keeps everything, with edges in the middle of a sale: twenty were in the pool, five are inside.
async fn in_mid_sale(clock: &Arc<ManualClock>) -> (PrivateRedis, RedisStore, RedisStore) {
    let redis = PrivateRedis::start_with(&["save", "", "appendonly", "yes", "appendfsync", "always"]).unwrap();
    let (edge, other) = (open(&redis, clock), open(&redis, clock));
    five_inside(&edge, &other, clock).await;
    (redis, edge, other)
}

async fn until_up(edge: &RedisStore) -> View {
    loop {
        match edge.view(ROOM).await {
            Err(error) if error.to_string().contains("unavailable") => {}
            view => return view.unwrap(),
        }
    }
}

/// All edges are there, and none of them knows more than what Redis has after it was started again.
#[tokio::test]
async fn a_restart_that_loses_nothing_burns_nothing() {
    let clock = Arc::new(ManualClock::at(START_MS));
    let (mut redis, edge, other) = in_mid_sale(&clock).await;
    let late = enter(&edge, &[200]).await;
    let before = other.view(ROOM).await.unwrap();
    redis.kill9();
    redis.restart().unwrap();
    let suspect = until_up(&edge).await;
    assert!(suspect.mending, "the other one may know more");
    let refused = edge.apply(ROOM, Command::Enter(vec![entry(201)])).await.unwrap_err();
    assert!(refused.to_string().contains("being put right"), "{refused}");
    let after = until_up(&other).await;
    assert!(!after.mending, "both have been heard");
    let unchanged = View { revision: before.revision, ..after.clone() };
    assert_eq!(unchanged, before, "nothing else has happened");
    assert_eq!(enter(&other, &[200, 201]).await, [late[0], Position::Line(before.line_size)]);
}

/// One edge is gone that may have given more numbers than anybody knows: a gap is left, and nobody waits for it.
#[tokio::test]
async fn what_was_left_out_costs_the_line_neither_rate_nor_grace() {
    let clock = Arc::new(ManualClock::at(START_MS));
    let (mut redis, edge, other) = in_mid_sale(&clock).await;
    drop(edge);
    let before = other.view(ROOM).await.unwrap();
    redis.kill9();
    redis.restart().unwrap();
    assert!(until_up(&other).await.mending);
    mended(&other, &clock).await;
    let mut now_ms = clock.now_ms();
    let end = before.line_size + GAP;
    assert_eq!(enter(&other, &[210, 211, 212]).await, [0, 1, 2].map(|n| Position::Line(end + n)));
    // Fifteen who had waited, and three behind the gap, at ten a second.
    for _ in 0..6 {
        now_ms += 500;
        clock.set(now_ms);
        other.view(ROOM).await.unwrap();
        let called = other.view(ROOM).await.unwrap().serving;
        let claims = (0..20).chain(end..end + 3).filter(|place| *place < called).map(claimant).collect();
        other.apply(ROOM, Command::Claim(claims)).await.unwrap();
    }
    let view = other.view(ROOM).await.unwrap();
    assert_eq!((view.serving, view.admitted, view.expired), (end + 3, 23, 0));
    // Whoever holds one of those numbers after all comes in like everyone who was called.
    let found = before.line_size + 7;
    other.apply(ROOM, Command::Claim(vec![claimant(found)])).await.unwrap();
    now_ms += 500;
    clock.set(now_ms);
    let Outcome::Claimed(found) = other.apply(ROOM, Command::Claim(vec![claimant(found)])).await.unwrap() else {
        panic!("no claim")
    };
    assert!(matches!(found[0], ClaimOutcome::Admitted { .. }), "{found:?}");
}

/// What an edge knows is written down once a second, and what it answers at once. So one that is killed has answered
/// more than it knew. With a server that comes back from a backup of just before, the numbers are there again.
#[tokio::test]
async fn what_a_killed_edge_had_just_answered_keeps_its_numbers() {
    let mut redis = PrivateRedis::start_with(&["save", ""]).unwrap();
    let (clock, dir) = (Arc::new(ManualClock::at(START_MS)), tempfile::tempdir().unwrap());
    let mut edge = open_in(&redis, &clock, Some(dir.path()));
    edge.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.set(START_MS + 60_000);
    enter(&edge, &[1, 2]).await;
    ask(&redis, "SAVE").await;
    edge.close().await;
    let knowledge = dir.path().join(ROOM).join("knowledge");
    let before = fs::read(&knowledge).unwrap();

    edge = open_in(&redis, &clock, Some(dir.path()));
    assert_eq!(enter(&edge, &[3, 4]).await, [2, 3].map(Position::Pool));
    edge.close().await;
    // As if it had been killed.
    fs::write(&knowledge, before).unwrap();
    redis.kill9();
    redis.restart().unwrap();

    edge = open_in(&redis, &clock, Some(dir.path()));
    until_up(&edge).await;
    mended(&edge, &clock).await;
    assert_eq!(enter(&edge, &[5]).await, [Position::Pool(4 + GAP)]);
    assert_eq!(edge.roster(ROOM, 0..4).await.unwrap(), [1, 2, 3, 4].map(entry).as_flattened());
}
